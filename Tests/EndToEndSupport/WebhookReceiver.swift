import Foundation
import Synchronization

/// A program's HTTP server as a webhook sink finds it: it can go down, losing its connections, and come up again on the
/// same port. It keeps every request, and answers as the test says.
public final class WebhookReceiver: Sendable {
    public struct Request: Sendable {
        public var firstLine: String
        /// Names in lower case.
        public var headers: [String: String]
        public var body: Data
        /// Unix seconds.
        public var receivedAt: Double
    }

    /// Code and reason, and further header lines if there are any, separated by CR LF.
    public typealias Answer = @Sendable (Request) -> String

    private struct State {
        var answer: Answer
        var listener: Int32?
        /// Tells connections of an earlier life from those of this one.
        var life = 0
        var connections: Set<Int32> = []
        var requests: [Request] = []
    }

    public let port: UInt16
    private let state: Mutex<State>

    public convenience init(status: String = "200 OK") throws {
        try self.init { _ in status }
    }

    public init(answer: @escaping Answer) throws {
        state = Mutex(State(answer: answer))
        let (descriptor, port) = try LoopbackPort.listener(backlog: 64, comesAgain: true)
        self.port = port
        serve(descriptor)
    }

    deinit { goDown() }

    /// Whatever has been received completely, answered or not, in order.
    public var requests: [Request] { state.withLock { $0.requests } }
    public var requestCount: Int { state.withLock { $0.requests.count } }
    /// Connections whose end has not been read.
    public var connectionCount: Int { state.withLock { $0.connections.count } }

    /// Requests that come from now on are answered so.
    public func change(to answer: @escaping Answer) { state.withLock { $0.answer = answer } }

    /// Refuses connections from now on and resets those that stand.
    public func goDown() {
        state.withLock { state in
            state.life += 1
            // Each thread closes its own descriptor, so that its number is not another's by then.
            if let listener = state.listener { shutdown(listener, Int32(SHUT_RDWR)) }
            state.listener = nil
            for connection in state.connections { shutdown(connection, Int32(SHUT_RDWR)) }
            state.connections = []
        }
    }

    /// Listens again on the port it had.
    public func comeUp() async throws {
        let port = port
        try await eventually(within: .seconds(30), "port \(port) is free again") {
            guard let listener = try? LoopbackPort.listener(backlog: 64, port: port, comesAgain: true) else {
                return false
            }
            serve(listener.descriptor)
            return true
        }
    }

    private func serve(_ listener: Int32) {
        let life = state.withLock { state in
            state.listener = listener
            return state.life
        }
        Thread.detachNewThread { [weak self] in
            while true {
                let connection = accept(listener, nil, nil)
                guard connection >= 0, let self, self.begin(connection, life: life) else {
                    if connection >= 0 { close(connection) }
                    break
                }
                Thread.detachNewThread { [weak self] in Self.answer(connection, life: life) { self } }
            }
            close(listener)
        }
    }

    private func begin(_ connection: Int32, life: Int) -> Bool {
        state.withLock { state in
            guard state.life == life else { return false }
            state.connections.insert(connection)
            return true
        }
    }

    private static func answer(_ connection: Int32, life: Int, receiver: () -> WebhookReceiver?) {
        defer { close(connection) }
        while let part = HTTPPart(reading: connection), let receiver = receiver() {
            let request = Request(
                firstLine: part.firstLine, headers: part.headers, body: part.body,
                receivedAt: Date().timeIntervalSince1970)
            let answer = receiver.state.withLock { state -> Answer? in
                guard state.life == life else { return nil }
                state.requests.append(request)
                return state.answer
            }
            guard let status = answer?(request),
                SocketBytes.write(Data("HTTP/1.1 \(status)\r\nContent-Length: 0\r\n\r\n".utf8), to: connection)
            else { break }
        }
        receiver()?.state.withLock { state in
            if state.life == life { state.connections.remove(connection) }
        }
    }
}
