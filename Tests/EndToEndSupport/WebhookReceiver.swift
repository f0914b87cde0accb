import Foundation
import Synchronization

/// A program's HTTP server as a webhook sink finds it: it can go down, losing its connections, and come up again on the
/// same port. It keeps every request and answers all with the same status.
public final class WebhookReceiver: Sendable {
    public struct Request: Sendable {
        public var firstLine: String
        /// Names in lower case.
        public var headers: [String: String]
        public var body: Data
    }

    private struct State {
        var listener: Int32?
        /// Tells connections of an earlier life from those of this one.
        var life = 0
        var connections: Set<Int32> = []
        var requests: [Request] = []
    }

    public let port: UInt16
    private let status: String
    private let state = Mutex(State())

    /// - Parameter status: code and reason, and further header lines if there are any, separated by CR LF.
    public init(status: String = "200 OK") throws {
        self.status = status
        let (descriptor, port) = try LoopbackPort.listener(backlog: 64, comesAgain: true)
        self.port = port
        serve(descriptor)
    }

    deinit { goDown() }

    /// Whatever has been received completely, answered or not, in order.
    public var requests: [Request] { state.withLock { $0.requests } }
    public var requestCount: Int { state.withLock { $0.requests.count } }

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
        try await eventually(within: .seconds(10), "port \(port) is free again") {
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
            let isAlive = receiver.state.withLock { state in
                guard state.life == life else { return false }
                let request = Request(firstLine: part.firstLine, headers: part.headers, body: part.body)
                state.requests.append(request)
                return true
            }
            let answer = Data("HTTP/1.1 \(receiver.status)\r\nContent-Length: 0\r\n\r\n".utf8)
            guard isAlive, SocketBytes.write(answer, to: connection) else { break }
        }
        receiver()?.state.withLock { state in
            if state.life == life { state.connections.remove(connection) }
        }
    }
}
