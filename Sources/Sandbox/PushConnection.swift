import Events

/// What a connection asked for, already checked.
struct PushSubscription: Sendable {
    var channels: ChannelList
    var form: PushForm
    /// The position to resume from; nil for anything that is not 26 decimal digits, without a word.
    var position: MessageID?
    /// Accept, then close with this at once: how later servers answer a wrong channel or client id.
    var closeAtOnce: PushClose?
    /// Accept, and then send nothing at all, pongs included.
    var isSilent = false
}

/// How messages are written.
enum PushForm: Sendable {
    /// Envelopes in text frames.
    case text
    /// Protobuf, by `binaryMode=true`, the exact word, on a version 4 server.
    case binary
    /// Remote calls in text frames, on a version 5 server.
    case jsonRPC
}

/// A close code with its reason, in the servers' form `CODE: explanation`.
public struct PushClose: Sendable, Equatable {
    public var code: UInt16
    public var reason: String

    public init(code: UInt16, reason: String) {
        self.code = code
        self.reason = reason
    }

    static let wrongChannel = PushClose(code: 4010, reason: "4010: Wrong Channel Id.")
    static let wrongClient = PushClose(code: 4036, reason: "4036: Wrong Client Id.")
    static let tooManyConnections = PushClose(code: 4029, reason: "4029: Too many connections.")
}

/// What a server sends to a WebSocket subscriber.
enum PushFrame: Sendable {
    /// One unit of messages.
    case messages([UInt8], isBinary: Bool)
    case ping([UInt8])
    case pong([UInt8])
    case close(PushClose)
    /// The answer to the subscriber's close frame: its own payload.
    case closeEcho([UInt8])
    /// A frame of any bits, to try a client with.
    case malformed(firstByte: UInt8, payload: [UInt8])
}

/// What a long poll ends with.
enum PollAnswer: Sendable {
    case messages([UInt8])
    /// Nothing came in time. The id is for `Last-Message-Id`.
    case timeout(MessageID?)
    case refused(PushClose)
    case cut
}

/// Where a connection's bytes go.
enum PushOutlet: Sendable {
    /// `end` drops the socket without a close frame after what was sent before.
    case socket(send: @Sendable (PushFrame) -> Void, end: @Sendable () -> Void)
    case poll(@Sendable (PollAnswer) -> Void)
}

/// A registered subscriber, as the hub sees it.
struct PushConnection: Sendable {
    var id: Int
    var subscription: PushSubscription
    var outlet: PushOutlet
    /// False between the server's ping and the pong: live messages are thrown away then, without a sign.
    var isActive = true
    /// Nothing is sent, neither data nor pings nor pongs.
    var isFrozen = false
    /// Something was sent less than a window ago: messages are collected.
    var isCollecting = false
    var collected: [StoredMessage] = []
    /// When the pings that are not answered yet were sent, oldest first.
    var pings: [ContinuousClock.Instant] = []
    var sentMessages = 0
    var droppedMessages = 0

    var isPoll: Bool {
        if case .poll = outlet { true } else { false }
    }
}

/// One line of the list of connections.
public struct ConnectionInfo: Sendable {
    public var id: Int
    /// Channel ids, 32 hex digits each, private and public ones.
    public var channels: [String]
    public var isPoll: Bool
    public var isBinary: Bool
    public var isFrozen: Bool
    /// Waiting for a pong.
    public var isAwaitingPong: Bool
    public var sentMessages: Int
    /// Live messages thrown away while a pong was awaited.
    public var droppedMessages: Int
}
