import CCurl

/// One HTTP request under way. Confined to the loop's thread.
final class Exchange {
    /// More header bytes than any server of this field sends.
    private static let maximumHeaderSize = 64 * 1024

    let identity: UInt64
    let easy: CurlEasy
    private let maximumBodySize: Int
    private var continuation: CheckedContinuation<Result<HTTPResponse, TransportError>, Never>?
    private var headers: [(name: String, value: String)] = []
    private var headerSize = 0
    private var body: [UInt8] = []
    private var isTruncated = false

    init(
        request: HTTPRequest, identity: UInt64, easy: CurlEasy,
        continuation: CheckedContinuation<Result<HTTPResponse, TransportError>, Never>
    ) {
        self.identity = identity
        self.easy = easy
        self.continuation = continuation
        maximumBodySize = max(0, request.maximumBodySize)
        easy.set(CURLOPT_TIMEOUT_MS, request.timeout.positiveMilliseconds)
        easy.set(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1)
        easy.setHeaders(request.headers)
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
        let room = maximumBodySize - body.count
        body.append(contentsOf: data.prefix(room))
        if data.count > room {
            isTruncated = true
            return 0
        }
        return data.count
    }

    /// Resumes the caller, once.
    func end(_ result: CURLcode) {
        if result == CURLE_OK || (result == CURLE_WRITE_ERROR && isTruncated) {
            let status = easy.long(CURLINFO_RESPONSE_CODE)
            resume(
                .success(HTTPResponse(status: status, headers: headers, body: body, isTruncated: isTruncated)))
        } else {
            var error = easy.failure(result)
            error.partialBody = body
            let status = easy.long(CURLINFO_RESPONSE_CODE)
            if error.status == nil && status > 0 { error.status = status }
            resume(.failure(error))
        }
    }

    func cancel() {
        resume(.failure(.cancelled))
    }

    private func resume(_ result: Result<HTTPResponse, TransportError>) {
        continuation?.resume(returning: result)
        continuation = nil
    }
}

extension TransportError {
    static let cancelled = TransportError(stage: .cancelled, message: "given up")
}
