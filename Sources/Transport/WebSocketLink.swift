import CCurl
import Secrets
import WebSocket

/// Where a turn's bytes are read to: one for all connections of a loop.
final class ReadBuffer {
    let bytes: UnsafeMutableRawBufferPointer

    init(size: Int) {
        bytes = .allocate(byteCount: size, alignment: 16)
    }

    deinit {
        bytes.deallocate()
    }
}

/// The loop's side of one WebSocket: a connection that libcurl made (name, proxy, TLS), on which this type does the
/// upgrade and moves the frames. Confined to the loop's thread.
final class WebSocketLink {
    enum Progress {
        case again
        /// The turn's budget is used up and there may be more to read.
        case busy
        case ended(WebSocketEnding)
    }

    enum Phase {
        /// libcurl resolves, connects and encrypts.
        case connecting
        case upgrading
        case open
    }

    /// Bytes read of one connection in a turn, so that a busy one does not starve the others.
    static let turnBudget = 256 * 1024

    let identity: UInt64
    let inbox: WebSocketInbox
    let easy: CurlEasy
    /// The libcurl multi handle that it is in.
    let multi: CurlMulti
    var phase = Phase.connecting
    var session: WebSocketSession
    /// When the upgrade or the closing is given up, on the monotonic clock.
    var deadline: Int64?
    var descriptor: Int32 = -1
    /// Nobody takes what has been received: the socket is left alone.
    var isPaused = false
    var isWaitingToSend = false
    /// There is more to read than its last turn allowed.
    var isBusy = false
    let upgradeTimeout: Duration
    private let answersTextPings: Bool
    private let onPing: (@Sendable () -> Void)?
    private var textPings = 0
    /// Let go once the connection is open: it holds the address.
    private var handshake: OpeningHandshake?
    private var opening: CheckedContinuation<Result<WebSocketConnection, TransportError>, Never>?
    /// Handed over when it is open; from then on whoever asked for it holds it.
    private var connection: WebSocketConnection?
    private var unsent: [UInt8] = []
    /// TLS wants a send repeated from the same address, so the bytes under way stay where they are.
    private var sending: UnsafeMutableRawBufferPointer?
    private var sent = 0

    init(
        connection: WebSocketConnection, inbox: WebSocketInbox, easy: CurlEasy, multi: CurlMulti,
        handshake: OpeningHandshake, request: WebSocketRequest,
        opening: CheckedContinuation<Result<WebSocketConnection, TransportError>, Never>
    ) {
        identity = connection.identity
        self.connection = connection
        self.inbox = inbox
        self.easy = easy
        self.multi = multi
        self.handshake = handshake
        self.opening = opening
        upgradeTimeout = request.upgradeTimeout
        answersTextPings = request.answersTextPings
        onPing = request.onPing
        session = WebSocketSession(limits: request.limits) { UInt32.random(in: .min ... .max) }
    }

    deinit {
        sending?.deallocate()
    }

    /// libcurl has made the connection: ask for the upgrade.
    func connected(now: Int64) -> Bool {
        var socket: curl_socket_t = -1
        guard ccurl_easy_get_socket(easy.handle, &socket) == CURLE_OK, socket >= 0 else { return false }
        descriptor = socket
        phase = .upgrading
        deadline = now + upgradeTimeout.nanoseconds
        unsent = handshake?.request ?? []
        return true
    }

    // MARK: Receiving

    func read(into scratch: ReadBuffer, now: Int64) -> Progress {
        var batch = MessageBatch()
        var total = 0
        let pingsBefore = pingsReceived
        var progress = Progress.again
        while phase != .connecting {
            var count = 0
            let result = curl_easy_recv(easy.handle, scratch.bytes.baseAddress, scratch.bytes.count, &count)
            if result == CURLE_AGAIN { break }
            guard result == CURLE_OK else {
                progress = .ended(.transport(lost(result)))
                break
            }
            let chunk = UnsafeRawBufferPointer(rebasing: scratch.bytes[..<count])
            if let ended = take(chunk, into: &batch, now: now) {
                progress = .ended(ended)
                break
            }
            total += count
            if total >= Self.turnBudget {
                progress = .busy
                break
            }
        }
        if answersTextPings { answerTextPings(in: &batch) }
        // A part of a frame is a sign of life, too: a large one may take minutes.
        if phase == .open && total > 0 { note(now: now) }
        if pingsReceived != pingsBefore { onPing?() }
        if !batch.isEmpty && inbox.deliver(batch) { isPaused = true }
        return progress
    }

    private func take(_ chunk: UnsafeRawBufferPointer, into batch: inout MessageBatch, now: Int64) -> WebSocketEnding? {
        var frames = chunk
        if phase == .upgrading {
            switch chunk.isEmpty ? handshake?.endOfStream() : handshake?.receive(chunk) {
            case .incomplete, nil: return nil
            case .accepted(let consumed):
                frames = UnsafeRawBufferPointer(rebasing: chunk[consumed...])
                phase = .open
                handshake = nil
                deadline = nil
                note(now: now)
                if let connection { opening?.resume(returning: .success(connection)) }
                opening = nil
                connection = nil
                if frames.isEmpty { return nil }
            case .refused(let status, let reason, let headers, let body):
                let answer = body.isEmpty ? reason : String(decoding: body, as: UTF8.self)
                return .transport(.refusedUpgrade(easy.address.host, status: status, headers: headers, answer: answer))
            case .invalid(let message):
                return .transport(
                    TransportError(
                        stage: .upgrade,
                        message: "\(easy.address.host) does not answer as a WebSocket server: \(message)",
                        cure: "check that nothing between here and the server rewrites WebSocket traffic"))
            }
        }
        if frames.isEmpty {
            session.endOfStream()
        } else {
            session.receive(frames, into: &batch)
        }
        return session.ending.map { .session($0) }
    }

    private var pingsReceived: Int { session.pingsReceived &+ textPings }

    private func note(now: Int64) {
        inbox.note(
            WebSocketActivity(
                lastBytesAt: now, pingsReceived: pingsReceived, pongsReceived: session.pongsReceived,
                isWithinMessage: session.isWithinMessage))
    }

    /// Here and not where messages are handled: that may take its time. Many at once get one answer.
    private func answerTextPings(in batch: inout MessageBatch) {
        let before = batch.messages.count
        let bytes = batch.bytes
        batch.messages.removeAll { message in
            !message.isBinary && message.extent == .whole
                && bytes[message.start..<message.end].elementsEqual("ping".utf8)
        }
        let pings = before - batch.messages.count
        guard pings > 0 else { return }
        textPings &+= pings
        session.sendText("pong")
    }

    /// libcurl's result on a connection that it had made.
    private func lost(_ result: CURLcode) -> TransportError {
        TransportError(
            stage: phase == .open ? .protocol : .upgrade,
            message: "the connection to \(easy.address.host) was lost (\(String(cString: curl_easy_strerror(result))))")
    }

    // MARK: Sending

    /// Sends what waits; true when some of it is left and the socket takes no more.
    func flush() -> Result<Bool, TransportError> {
        while true {
            if sending == nil {
                let next = unsent.isEmpty ? session.takeOutgoing() : unsent
                unsent = []
                if next.isEmpty { return .success(false) }
                let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: next.count, alignment: 1)
                buffer.copyBytes(from: next)
                (sending, sent) = (buffer, 0)
            }
            guard let buffer = sending else { return .success(false) }
            var count = 0
            let length = min(buffer.count - sent, 16 * 1024)
            let result = curl_easy_send(easy.handle, buffer.baseAddress?.advanced(by: sent), length, &count)
            if result == CURLE_AGAIN { return .success(true) }
            guard result == CURLE_OK else { return .failure(lost(result)) }
            sent += count
            if sent == buffer.count {
                buffer.deallocate()
                sending = nil
            }
        }
    }

    // MARK: Ending

    /// Tells whoever waits, once; the transport has let go of the descriptor and the handle before.
    func end(_ ending: WebSocketEnding) {
        if let opening {
            self.opening = nil
            switch ending {
            case .transport(let error): opening.resume(returning: .failure(error))
            case .session:
                opening.resume(
                    returning: .failure(
                        TransportError(stage: .upgrade, message: "\(easy.address.host) closed the connection at once")))
            }
        }
        inbox.end(ending)
        connection = nil
    }
}

extension TransportError {
    /// An upgrade that was answered by plain HTTP.
    static func refusedUpgrade(
        _ host: String, status: Int, headers: [(name: String, value: String)], answer: String
    ) -> TransportError {
        let cure =
            switch status {
            case 400, 401: "the channel ids may be out of date: the configuration is asked for again"
            case 403: "a proxy forbids it, or the channel is gone: the configuration is asked for again"
            case 404: "the address has changed: the configuration is asked for again"
            case 429, 503: "the server is overloaded: waiting"
            case 300..<400: "redirects are never followed: the configuration is asked for again"
            default: ""
            }
        let retryAfter = headers.first { $0.name.lowercased() == "retry-after" }.flatMap { Int($0.value) }.map {
            max(0, $0)
        }
        return TransportError(
            stage: .upgrade, message: "\(host) refuses the upgrade to WebSocket with status \(status)", cure: cure,
            status: status, answer: answer, retryAfter: retryAfter)
    }
}
