import FlyingFox
import FlyingSocks
import Foundation

/// One accepted WebSocket, from the upgrade to its end.
///
/// The server library writes the frames of one stream and closes the socket when the stream ends, so a connection is
/// dropped without a close frame by ending the stream. The reader of the socket has to be gone by then: the descriptor's
/// number is soon used again.
struct WebSocketSession: WSHandler {
    /// Longest incoming message, bytes.
    static let messageLimit = 1_048_576
    /// Seconds for which the server waits for the answer to its close frame.
    static let closeTimeout = 5.0

    let subscription: PushSubscription
    let options: SandboxOptions
    let hub: PushHub
    let jobs: BackgroundJobs
    let publishing: BinaryPublishing

    func makeFrames(for client: AsyncThrowingStream<WSFrame, any Error>) async throws -> AsyncStream<WSFrame> {
        let (frames, output) = AsyncStream<WSFrame>.makeStream()
        let (stops, stop) = AsyncStream<Void>.makeStream()
        // The library lets the stream go when writing fails.
        output.onTermination = { _ in stop.finish() }
        jobs.submit { await serve(client, output: output, stops: stops, stop: stop) }
        return frames
    }

    private func serve(
        _ client: AsyncThrowingStream<WSFrame, any Error>, output: AsyncStream<WSFrame>.Continuation,
        stops: AsyncStream<Void>, stop: AsyncStream<Void>.Continuation
    ) async {
        let send: @Sendable (PushFrame) -> Void = { frame in
            output.yield(WSFrame(frame))
            if case .close = frame { jobs.submit(after: Self.closeTimeout) { stop.finish() } }
        }
        let id: Int?
        if let close = subscription.closeAtOnce {
            id = nil
            send(.close(close))
        } else {
            id = await hub.open(subscription, outlet: .socket(send: send, end: { stop.finish() }))
        }
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await read(client, connection: id, send: send) }
            group.addTask { await stops.first { _ in true } }
            if let id { group.addTask { await keepPinging(id) } }
            await group.next()
            group.cancelAll()
        }
        if let id { hub.close(id) }
        output.finish()
    }

    /// Pings are due at fixed distances from the connection's start; returns when one was not answered.
    private func keepPinging(_ id: Int) async {
        let start = ContinuousClock.now
        var count = 1.0
        while true {
            do {
                try await Task.sleep(until: start.advanced(by: .seconds(options.pingInterval * count)))
            } catch {
                return
            }
            if !hub.ping(id) { return }
            count += 1
        }
    }

    /// Reads until the client closes or goes.
    private func read(
        _ client: AsyncThrowingStream<WSFrame, any Error>, connection id: Int?, send: @Sendable (PushFrame) -> Void
    ) async {
        var message: [UInt8] = []
        var isBinary = false
        do {
            for try await frame in client {
                let isFrozen = id.map { hub.isFrozen($0) } ?? false
                switch frame.opcode {
                case .ping where !isFrozen: send(.pong(Array(frame.payload)))
                case .pong: if let id { hub.pong(id) }
                case .close where !isFrozen:
                    send(.closeEcho(Array(frame.payload)))
                    return
                case .text, .binary, .continuation:
                    if frame.opcode != .continuation {
                        isBinary = frame.opcode == .binary
                        message = []
                    }
                    message += frame.payload
                    if message.count > Self.messageLimit {
                        send(.close(PushClose(code: 1009, reason: "Message too big")))
                        message = []
                    } else if frame.fin, isBinary, subscription.form == .binary {
                        execute(message, send: send)
                    } else if frame.fin, !isBinary, subscription.form == .jsonRPC {
                        hear(message, connection: id)
                    }
                default: break
                }
            }
        } catch {
            return
        }
    }

    private func hear(_ message: [UInt8], connection id: Int?) {
        switch JSONRPC.Word(message) {
        case .pong: if let id { hub.pong(id) }
        case .acknowledgement(let message): hub.acknowledgements.record(message)
        case .other: break
        }
    }

    /// In binary mode every binary frame has to be a request; in text mode everything is ignored.
    private func execute(_ message: [UInt8], send: @Sendable (PushFrame) -> Void) {
        switch publishing.execute(message, by: .client(publicID: subscription.channels.publicID)) {
        case .success(let answer?): send(.messages(answer, isBinary: true))
        case .success(nil): break
        case .failure(let refusal): send(.close(refusal.close))
        }
    }
}

extension WSFrame {
    init(_ frame: PushFrame) {
        switch frame {
        case .messages(let unit, let isBinary):
            self.init(fin: true, opcode: isBinary ? .binary : .text, mask: nil, payload: Data(unit))
        case .ping(let payload): self.init(fin: true, opcode: .ping, mask: nil, payload: Data(payload))
        case .pong(let payload): self.init(fin: true, opcode: .pong, mask: nil, payload: Data(payload))
        case .close(let close): self = .close(code: WSCloseCode(close.code, reason: close.reason))
        case .closeEcho(let payload): self.init(fin: true, opcode: .close, mask: nil, payload: Data(payload))
        case .malformed(let first, let payload):
            self.init(
                fin: first & 0x80 != 0, rsv1: first & 0x40 != 0, rsv2: first & 0x20 != 0, rsv3: first & 0x10 != 0,
                opcode: Opcode(first & 0x0F), mask: nil, payload: Data(payload))
        }
    }
}
