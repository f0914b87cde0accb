import FlyingFox
import FlyingSocks
import Foundation

/// The listening socket: requests in, replies out, in the server library's terms.
struct HTTPServing: HTTPHandler {
    /// Bytes of a request's body.
    static let bodyLimit = 16 * 1_048_576

    let route: @Sendable (WebRequest) async -> WebReply
    let makeSession: @Sendable (PushSubscription) -> WebSocketSession

    static func server(options: SandboxOptions, handler: HTTPServing) throws -> HTTPServer {
        HTTPServer(
            config: HTTPServer.Configuration(
                address: try .inet(ip4: options.host, port: options.port),
                // Long polls are requests too.
                timeout: options.pollHold + 600,
                pool: SocketPool<Poll>.make(maxEvents: 256),
                logger: .disabled),
            handler: handler)
    }

    func handleRequest(_ request: HTTPRequest) async throws -> HTTPResponse {
        if let length = request.headers[.contentLength].flatMap(Int.init), length > Self.bodyLimit {
            return response(status: 413, headers: [], body: [])
        }
        switch await route(try await webRequest(request)) {
        case .response(let status, let headers, let body):
            return response(status: status, headers: headers, body: body)
        case .cut:
            return HTTPResponse(webSocket: CutConnection())
        case .upgrade(let subscription):
            return try await WebSocketHTTPHandler(handler: makeSession(subscription)).handleRequest(request)
        }
    }

    private func webRequest(_ request: HTTPRequest) async throws -> WebRequest {
        var headers: [String: String] = [:]
        for header in request.headers.keys { headers[header.rawValue.lowercased()] = request.headers[header] }
        var isLocal = headers["x-forwarded-for"] == nil
        var peerPort: UInt16?
        if case .ip4(let address, let port) = request.remoteAddress {
            peerPort = port
            if !address.hasPrefix("127.") { isLocal = false }
        }
        return WebRequest(
            method: request.method.rawValue, path: request.target.path(),
            query: FormFields(request.target.query()), headers: headers, body: Array(try await request.bodyData),
            isLocal: isLocal, peerPort: peerPort)
    }

    private func response(status: Int, headers: [(name: String, value: String)], body: [UInt8]) -> HTTPResponse {
        var response = HTTPResponse(
            statusCode: HTTPStatusCode(status, phrase: Self.phrases[status] ?? "Status"), body: Data(body))
        for (name, value) in headers { response.headers[HTTPHeader(name)] = value }
        return response
    }

    private static let phrases = [
        200: "OK", 302: "Found", 304: "Not Modified", 400: "Bad Request", 401: "Unauthorized", 403: "Forbidden",
        404: "Not Found", 405: "Method Not Allowed",
        409: "Conflict", 413: "Content Too Large", 429: "Too Many Requests", 500: "Internal Server Error",
        502: "Bad Gateway", 503: "Service Unavailable",
    ]
}

/// Ends a connection without a byte of an answer: the library asks for the frames before it writes the head.
private struct CutConnection: WSHandler {
    struct Cut: Error {}

    func makeFrames(for client: AsyncThrowingStream<WSFrame, any Error>) async throws -> AsyncStream<WSFrame> {
        throw Cut()
    }
}

/// Lets the process hold as many sockets as it is allowed to.
enum SocketLimit {
    static func raise() {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return }
        limit.rlim_cur = limit.rlim_max
        _ = setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    }
}
