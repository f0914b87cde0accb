public import Secrets
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
    /// Text messages that are nothing but `ping` are the server's pings: answered by the loop with the text `pong`, counted
    /// with the others, and not handed out.
    public var answersTextPings: Bool
    /// Called on the loop's thread after the server has pinged; must not block.
    public var onPing: (@Sendable () -> Void)?

    public init(
        url: Secret, headers: [(name: String, value: String)] = [], network: NetworkOptions = NetworkOptions(),
        upgradeTimeout: Duration = .seconds(15), limits: WebSocketSession.Limits = WebSocketSession.Limits(),
        answersTextPings: Bool = false, onPing: (@Sendable () -> Void)? = nil
    ) {
        self.url = url
        self.headers = headers
        self.network = network
        self.upgradeTimeout = upgradeTimeout
        self.limits = limits
        self.answersTextPings = answersTextPings
        self.onPing = onPing
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
    /// The last bytes, of a frame of any kind or of the upgrade's answer, in nanoseconds of the monotonic clock.
    public var lastBytesAt: Int64
    public var pingsReceived: Int
    public var pongsReceived: Int
    /// A message has begun to arrive and is not whole yet.
    public var isWithinMessage: Bool
    /// The window is full, and nothing is read until somebody receives: silence says nothing then.
    public var isPaused = false
}

/// An open WebSocket. Pings are answered by the loop; whether anybody calls `receive` makes no difference, until the
/// window of received bytes is full: then the loop stops reading the socket until there is room again. A connection
/// that nobody holds any more is closed.
public final class WebSocketConnection: Sendable {
    let identity: UInt64
    private let inbox: WebSocketInbox
    private let transport: Transport

    init(identity: UInt64, inbox: WebSocketInbox, transport: Transport) {
        self.identity = identity
        self.inbox = inbox
        self.transport = transport
    }

    deinit {
        if ending == nil { transport.beginClose(identity, code: 1001, reason: "") }
    }

    /// Everything received since the last call; waits while that is nothing. Nil when the connection has ended and all
    /// that came before has been handed out, or when the task is cancelled. One caller at a time.
    public func receive() async -> [MessageBatch]? {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                guard let (batches, hasRoomAgain) = inbox.take(orWait: continuation) else { return }
                if hasRoomAgain { transport.resumeReading(identity) }
                continuation.resume(returning: batches)
            }
        } onCancel: {
            inbox.stopWaiting()
        }
    }

    /// Set once the connection is over; there may still be messages to `receive`.
    public var ending: WebSocketEnding? {
        inbox.ending
    }

    public var activity: WebSocketActivity {
        inbox.activity
    }

    /// Queues a text message. Nothing happens once the connection is over.
    public func send(text: String) {
        transport.withLink(identity) { $0.session.sendText(text) }
    }

    /// Queues a pong that answers nothing: a sign of life for a server whose ping may wait unread (RFC 6455 5.5.3).
    public func pong() {
        transport.withLink(identity) { $0.session.pong() }
    }

    /// Queues a control ping with at most 125 bytes.
    public func ping(_ payload: [UInt8] = []) {
        transport.withLink(identity) { $0.session.ping(payload) }
    }

    /// Begins to close; the peer has two seconds to answer, then the connection is dropped. `receive` ends with it.
    public func close(code: UInt16, reason: String = "") {
        transport.beginClose(identity, code: code, reason: reason)
    }
}
