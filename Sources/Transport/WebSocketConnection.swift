public import Secrets
import Synchronization
public import WebSocket

/// A WebSocket to open.
public struct WebSocketRequest: Sendable {
    /// Absolute, ws or wss.
    public var url: Secret
    public var headers: [(name: String, value: String)]
    public var network: NetworkOptions
    /// From the end of the TLS handshake to the server's answer to the upgrade.
    public var upgradeTimeout: Duration
    public var limits: WebSocketSession.Limits

    public init(
        url: Secret, headers: [(name: String, value: String)] = [], network: NetworkOptions = NetworkOptions(),
        upgradeTimeout: Duration = .seconds(15), limits: WebSocketSession.Limits = WebSocketSession.Limits()
    ) {
        self.url = url
        self.headers = headers
        self.network = network
        self.upgradeTimeout = upgradeTimeout
        self.limits = limits
    }
}

/// How a connection ended.
public enum WebSocketEnding: Sendable, Equatable {
    /// By a rule of RFC 6455: a Close of either side, a violation, or the end of the stream without a Close.
    case session(WebSocketSession.Ending)
    /// The connection broke, or was given up.
    case transport(TransportError)
}

/// What the loop has seen of a connection.
public struct WebSocketActivity: Sendable {
    /// The last frame of any kind, in nanoseconds of the monotonic clock; the upgrade's answer counts as one.
    public var lastFrameAt: Int64
    public var pingsReceived: Int
    public var pongsReceived: Int
}

/// An open WebSocket. Pings are answered by the loop; whether anybody calls `receive` makes no difference, until the
/// window of received bytes is full: then the loop stops reading the socket until there is room again.
public final class WebSocketConnection: Sendable {
    /// Received bytes that wait for `receive` before the socket is left alone.
    static let window = 4 * 1024 * 1024

    struct Inbox: ~Copyable {
        var batches: [MessageBatch] = []
        var byteCount = 0
        var isPaused = false
        var ending: WebSocketEnding?
        var waiter: CheckedContinuation<[MessageBatch]?, Never>?
        var activity = WebSocketActivity(lastFrameAt: 0, pingsReceived: 0, pongsReceived: 0)
    }

    let identity: UInt64
    let inbox = Mutex(Inbox())
    private let transport: Transport

    init(identity: UInt64, transport: Transport) {
        self.identity = identity
        self.transport = transport
    }

    /// Everything received since the last call; waits while that is nothing. Nil when the connection has ended and all
    /// that came before has been handed out, or when the task is cancelled. One caller at a time.
    public func receive() async -> [MessageBatch]? {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                var resumesReading = false
                let answer: [MessageBatch]?? = inbox.withLock { inbox in
                    if !inbox.batches.isEmpty {
                        resumesReading = inbox.isPaused
                        inbox.isPaused = false
                        inbox.byteCount = 0
                        let batches = inbox.batches
                        inbox.batches = []
                        return batches
                    }
                    if inbox.ending != nil || Task.isCancelled { return .some(nil) }
                    inbox.waiter = continuation
                    return nil
                }
                if resumesReading { transport.resumeReading(identity) }
                if let answer { continuation.resume(returning: answer) }
            }
        } onCancel: {
            let waiter = inbox.withLock { inbox in
                defer { inbox.waiter = nil }
                return inbox.waiter
            }
            waiter?.resume(returning: nil)
        }
    }

    /// Set once the connection is over; there may still be messages to `receive`.
    public var ending: WebSocketEnding? {
        inbox.withLock { $0.ending }
    }

    public var activity: WebSocketActivity {
        inbox.withLock { $0.activity }
    }

    /// Queues a text message.
    public func send(text: String) {
        transport.withLink(identity) { $0.session.sendText(text) }
    }

    /// Queues a control ping with at most 125 bytes.
    public func ping(_ payload: [UInt8] = []) {
        transport.withLink(identity) { $0.session.ping(payload) }
    }

    /// Begins to close; the peer has two seconds to answer, then the connection is dropped. `receive` ends with it.
    public func close(code: UInt16, reason: String = "") {
        transport.beginClose(identity, code: code, reason: reason)
    }

    // MARK: The loop's side

    /// True when the window is full and reading has to pause.
    func deliver(_ batch: MessageBatch) -> Bool {
        let (waiter, mustPause) = inbox.withLock { inbox -> (CheckedContinuation<[MessageBatch]?, Never>?, Bool) in
            if let waiter = inbox.waiter {
                inbox.waiter = nil
                return (waiter, false)
            }
            inbox.batches.append(batch)
            inbox.byteCount += batch.bytes.count
            if inbox.byteCount >= Self.window { inbox.isPaused = true }
            return (nil, inbox.isPaused)
        }
        waiter?.resume(returning: [batch])
        return mustPause
    }

    func end(_ ending: WebSocketEnding) {
        let waiter = inbox.withLock { inbox in
            if inbox.ending == nil { inbox.ending = ending }
            defer { inbox.waiter = nil }
            return inbox.waiter
        }
        waiter?.resume(returning: nil)
    }
}
