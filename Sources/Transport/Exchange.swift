import CCurl

/// One HTTP request under way. Confined to the loop's thread.
///
/// The body of a 200 may be taken in pieces: then nothing is received while its taker has one.
final class Exchange {
    /// What whoever waits for it is resumed with.
    enum Step: Sendable {
        /// All of the body that is there.
        case piece([UInt8])
        case ended(Result<HTTPResponse, TransportError>)
    }

    /// What it tells before its end, on the loop's thread.
    struct Signals: Sendable {
        /// The request goes out.
        var sent: @Sendable () -> Void = {}
        /// The answer begins.
        var begins: @Sendable () -> Void = {}
    }

    /// More header bytes than any server of this field sends.
    private static let maximumHeaderSize = 64 * 1024

    let identity: UInt64
    let easy: CurlEasy
    private let maximumBodySize: Int
    private let timeout: Int64
    /// Nil: the body is wanted as a whole.
    private let pieceSize: Int?
    private let begins: () -> Void
    /// Nil: it is with what it was given last.
    private var waiter: CheckedContinuation<Step, Never>?
    /// It ended meanwhile.
    private var ending: Result<HTTPResponse, TransportError>?
    private var headers: [(name: String, value: String)] = []
    private var headerSize = 0
    /// Its empty line was there. libcurl takes an answer for whole that ends before.
    private var isHeadWhole = false
    private var body: [UInt8] = []
    private var isTruncated = false
    /// The body that makes the next piece, in bytes.
    private var nextPieceSize: Int
    private var isPaused = false
    /// When the body was last added to; nil: there is no answer yet, or it is wanted as a whole, and libcurl's time limit
    /// holds.
    private var lastByteAt: Int64?

    init(
        request: HTTPRequest, identity: UInt64, easy: CurlEasy, pieceSize: Int?,
        sent: @escaping () -> Void, begins: @escaping () -> Void, waiter: CheckedContinuation<Step, Never>
    ) {
        self.identity = identity
        self.easy = easy
        self.pieceSize = pieceSize
        self.begins = begins
        self.waiter = waiter
        nextPieceSize = pieceSize ?? .max
        maximumBodySize = max(0, request.maximumBodySize)
        timeout = Int64(request.timeout.positiveMilliseconds) * 1_000_000
        easy.set(CURLOPT_TIMEOUT_MS, request.timeout.positiveMilliseconds)
        easy.set(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1)
        easy.setHeaders(request.headers)
        easy.whenRequestGoesOut(sent)
        if request.usesNewConnection { easy.set(CURLOPT_FRESH_CONNECT, 1) }
        if request.allowsHTTP2 { easy.allowHTTP2() }
        if request.method == .post {
            easy.set(CURLOPT_POST, 1)
            // In this order: libcurl copies as many bytes as the size says.
            easy.set(CURLOPT_POSTFIELDSIZE, request.body.count)
            request.body.withUnsafeBytes { bytes in
                easy.set(CURLOPT_COPYPOSTFIELDS, pointer: bytes.baseAddress ?? UnsafeRawPointer(bitPattern: 1))
            }
        }
        let context = Unmanaged.passUnretained(self).toOpaque()
        easy.set(CURLOPT_HEADERDATA, pointer: context)
        easy.set(CURLOPT_WRITEDATA, pointer: context)
        easy.set(CURLOPT_HEADERFUNCTION) { data, size, count, context in
            guard let data, let context else { return 0 }
            let exchange = Unmanaged<Exchange>.fromOpaque(context).takeUnretainedValue()
            return exchange.receiveHeader(UnsafeRawBufferPointer(start: data, count: size * count))
        }
        easy.set(CURLOPT_WRITEFUNCTION) { data, size, count, context in
            guard let data, let context else { return 0 }
            let exchange = Unmanaged<Exchange>.fromOpaque(context).takeUnretainedValue()
            return exchange.receiveBody(UnsafeRawBufferPointer(start: data, count: size * count))
        }
    }

    /// The number of bytes taken; any other than all of them makes libcurl end the transfer.
    private func receiveHeader(_ line: UnsafeRawBufferPointer) -> Int {
        headerSize += line.count
        guard headerSize <= Self.maximumHeaderSize else { return 0 }
        let text = String(decoding: line, as: UTF8.self)
        if text.hasPrefix("HTTP/") {
            // The head of a next answer, after a provisional one.
            headers.removeAll()
            if pieceSize != nil, lastByteAt == nil {
                begins()
                // A long body may take long: from here on only silence is limited.
                easy.set(CURLOPT_TIMEOUT_MS, 0)
                lastByteAt = MonotonicTime.now()
            }
            isHeadWhole = false
        } else if text == "\r\n" || text == "\n" {
            isHeadWhole = true
        } else if let colon = text.firstIndex(of: ":") {
            headers.append((text[..<colon].lowercased(), trimmed(text[text.index(after: colon)...])))
        }
        return line.count
    }

    private func trimmed(_ text: Substring) -> String {
        let isBlank: (Character) -> Bool = { $0 == " " || $0 == "\t" || $0 == "\r" || $0 == "\n" || $0 == "\r\n" }
        var rest = text.drop(while: isBlank)
        while let last = rest.last, isBlank(last) { rest.removeLast() }
        return String(rest)
    }

    private func receiveBody(_ data: UnsafeRawBufferPointer) -> Int {
        if waiter == nil {
            isPaused = true
            return Int(CURL_WRITEFUNC_PAUSE)
        }
        if lastByteAt != nil { lastByteAt = MonotonicTime.now() }
        let room = maximumBodySize - body.count
        body.append(contentsOf: data.prefix(room))
        if data.count > room {
            isTruncated = true
            return 0
        }
        if body.count >= nextPieceSize, easy.long(CURLINFO_RESPONSE_CODE) == 200 {
            waiter.take()?.resume(returning: .piece(body))
            body = []
        }
        return data.count
    }

    /// Who was given something waits again, with what is left of it.
    func goOn(with rest: [UInt8], _ waiter: CheckedContinuation<Step, Never>) {
        body = rest + body
        if let ending {
            self.ending = nil
            return waiter.resume(returning: .ended(ending.replacingBody(by: body)))
        }
        self.waiter = waiter
        // Twice what could not be taken, so that the whole body is gone through a few times at most.
        nextPieceSize = max(pieceSize ?? .max, rest.count * 2)
        lastByteAt = MonotonicTime.now()
        if isPaused {
            isPaused = false
            // Calls `receiveBody` at once.
            curl_easy_pause(easy.handle, CURLPAUSE_CONT)
        }
    }

    /// It has ended, and who was given something does not know yet.
    var isAwaited: Bool { ending != nil }

    /// Nothing of a body that has begun has come for too long.
    func isSilent(at now: Int64) -> Bool {
        guard waiter != nil, let lastByteAt else { return false }
        return now - lastByteAt >= timeout
    }

    /// Resumes the caller, once.
    func end(_ result: CURLcode) {
        let status = easy.long(CURLINFO_RESPONSE_CODE)
        let result = result == CURLE_OK && !isHeadWhole ? CURLE_PARTIAL_FILE : result
        if result == CURLE_OK || (result == CURLE_WRITE_ERROR && isTruncated) {
            finish(.success(HTTPResponse(status: status, headers: headers, body: body, isTruncated: isTruncated)))
        } else {
            var error = easy.failure(result)
            error.partialBody = body
            if error.status == nil && status >= 200 { error.status = status }
            finish(.failure(error))
        }
    }

    func cancel() {
        finish(.failure(.cancelled))
    }

    private func finish(_ result: Result<HTTPResponse, TransportError>) {
        if let waiter = waiter.take() {
            waiter.resume(returning: .ended(result))
        } else if ending == nil {
            ending = result
        }
    }
}

extension Result<HTTPResponse, TransportError> {
    fileprivate func replacingBody(by body: [UInt8]) -> Self {
        switch self {
        case .success(var response):
            response.body = body
            return .success(response)
        case .failure(var error):
            if error.stage != .cancelled { error.partialBody = body }
            return .failure(error)
        }
    }
}

extension TransportError {
    static let cancelled = TransportError(stage: .cancelled, message: "given up")
}
