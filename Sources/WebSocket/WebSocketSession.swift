/// The life of a client's connection after the handshake (RFC 6455): bytes in, messages and answers out. It does no I/O
/// and knows no time; who holds the socket feeds `receive` and sends what `takeOutgoing` gives.
///
/// ```
///          close()                  peer's Close, or end of stream
///  open ────────────► closing ───────────────────────────────────► closed
///    └──────────── peer's Close, violation, end of stream ───────────►
/// ```
///
/// No extension is ever in use and server frames are never masked, so payloads are copied once, from the chunk into the
/// batch. Memory grows only with bytes that have arrived, whatever lengths a server announces.
public struct WebSocketSession: Sendable {
    public struct Limits: Sendable {
        /// Bytes of one message, all fragments together. A larger one ends the session with 1009 as soon as a frame
        /// header says so.
        public var maximumMessageSize = 64 * 1024 * 1024
        /// Once so many bytes of an unfinished message have arrived they are handed out as its front, so that nobody has
        /// to hold all of it at once. Nil: only whole messages are handed out.
        public var frontSize: Int?
        /// Once so many bytes wait to be sent, only the latest ping gets its pong (RFC 6455 5.5.3), so that a server
        /// that pings and does not read costs no memory.
        public var maximumWaitingBytes = 64 * 1024

        public init() {}
    }

    public enum State: Sendable, Equatable {
        case open
        /// Our Close is queued or sent, the peer's is awaited. Messages may still arrive.
        case closing
        /// Nothing is read any more; a last Close may wait in `takeOutgoing`.
        case closed
    }

    /// How the session came to its end.
    public enum Ending: Sendable, Equatable {
        /// The peer closed first; its Close has been answered.
        case closedByPeer(CloseFrame)
        /// We closed first. The answer is nil when the stream ended without one.
        case closedByUs(sent: CloseFrame, answer: CloseFrame?)
        /// The peer broke the rules. A Close with the code is queued, unless ours was on its way already.
        case violation(ProtocolViolation)
        /// End of stream without any Close (1006 in RFC 6455 7.1.5).
        case unclean
    }

    public internal(set) var state = State.open
    /// Set once, when `state` becomes `closed`.
    public internal(set) var ending: Ending?
    public internal(set) var pingsReceived = 0
    public internal(set) var pongsReceived = 0
    /// The payload of the latest pong.
    public internal(set) var lastPong: [UInt8] = []

    let limits: Limits
    private let maskingKey: @Sendable () -> UInt32

    /// The beginning of a header that the last chunk ended in.
    var partialHeader: [UInt8] = []
    /// The frame whose payload is arriving, with the bytes that are still to come.
    var frame: FrameHeader?
    var frameRemaining = 0
    /// Payload of a control frame that is arriving.
    var control: [UInt8] = []
    /// Text or binary while a message is arriving that is not whole in one chunk.
    var messageKind: Opcode?
    var message: [UInt8] = []
    /// Bytes of that message that have been handed out as its fronts.
    var handedOut = 0
    var validator = UTF8Validator()

    /// A frame or a message has begun and is not whole yet.
    public var isWithinMessage: Bool { frame != nil || messageKind != nil || !partialHeader.isEmpty }

    private var outgoing: [UInt8] = []
    /// The latest ping that came when `outgoing` was full.
    private var deferredPing: [UInt8]?
    private var sentClose = CloseFrame(code: CloseFrame.noCode)

    /// `maskingKey` gives a new unpredictable key for each frame sent (RFC 6455 5.3, 10.3): it wants a strong source of
    /// randomness.
    public init(limits: Limits = Limits(), maskingKey: @escaping @Sendable () -> UInt32) {
        self.limits = limits
        self.maskingKey = maskingKey
    }

    // MARK: Sending

    /// Moves all waiting frames out, in order. They must be sent before whatever a later call gives.
    public mutating func takeOutgoing() -> [UInt8] {
        answerDeferredPing()
        let taken = outgoing
        outgoing = []
        return taken
    }

    /// Queues one text message. False, and nothing queued, once a Close has been sent or received (RFC 6455 5.5.1).
    @discardableResult
    public mutating func sendText(_ text: String) -> Bool {
        var text = text
        return text.withUTF8 { queueData(.text, UnsafeRawBufferPointer($0)) }
    }

    /// Queues one binary message. False, and nothing queued, once a Close has been sent or received.
    @discardableResult
    public mutating func sendBinary(_ bytes: [UInt8]) -> Bool {
        bytes.withUnsafeBytes { queueData(.binary, $0) }
    }

    /// Queues a ping. False, and nothing queued, with more than 125 bytes of payload or when the session is not open.
    @discardableResult
    public mutating func ping(_ payload: [UInt8] = []) -> Bool {
        guard payload.count <= FrameHeader.maximumControlPayload else { return false }
        return payload.withUnsafeBytes { queueData(.ping, $0) }
    }

    /// Queues a pong without a ping before it. False, and nothing queued, when the session is not open.
    @discardableResult
    public mutating func pong() -> Bool {
        [].withUnsafeBytes { queueData(.pong, $0) }
    }

    /// Begins the closing handshake; later calls change nothing. A code that must not be on the wire is left out, a
    /// reason is cut to 123 bytes.
    public mutating func close(code: UInt16, reason: String = "") {
        guard state == .open else { return }
        queueClose(CloseFrame(code: code, reason: reason))
        state = .closing
    }

    // MARK: Ends

    /// The stream has ended: no more bytes will come.
    public mutating func endOfStream() {
        switch state {
        case .open: finish(.unclean)
        case .closing: finish(.closedByUs(sent: sentClose, answer: nil))
        case .closed: break
        }
    }

    mutating func fail(_ violation: ProtocolViolation) {
        if state == .open { queueClose(CloseFrame(code: violation.closeCode, reason: violation.message)) }
        finish(.violation(violation))
    }

    mutating func receivedClose(_ frame: CloseFrame) {
        if state == .open {
            // The answer repeats the code alone, as RFC 6455 5.5.1 describes.
            queueClose(CloseFrame(code: frame.code))
            finish(.closedByPeer(frame))
        } else {
            finish(.closedByUs(sent: sentClose, answer: frame))
        }
    }

    /// Answers a ping at once, also while closing: only a received Close ends that duty (RFC 6455 5.5.2).
    mutating func receivedPing(_ payload: [UInt8]) {
        pingsReceived &+= 1
        if outgoing.count >= limits.maximumWaitingBytes {
            deferredPing = payload
        } else {
            queue(.pong, payload)
        }
    }

    private mutating func finish(_ ending: Ending) {
        self.ending = ending
        state = .closed
        partialHeader = []
        control = []
        message = []
    }

    // MARK: Queueing

    private mutating func queueData(_ opcode: Opcode, _ payload: UnsafeRawBufferPointer) -> Bool {
        guard state == .open else { return false }
        appendFrame(opcode, payload: payload, maskingKey: maskingKey(), to: &outgoing)
        return true
    }

    private mutating func queue(_ opcode: Opcode, _ payload: [UInt8]) {
        payload.withUnsafeBytes { appendFrame(opcode, payload: $0, maskingKey: maskingKey(), to: &outgoing) }
    }

    /// A Close is the last frame: what was put off goes before it.
    private mutating func queueClose(_ frame: CloseFrame) {
        answerDeferredPing()
        sentClose = frame.sendable
        queue(.close, sentClose.payload)
    }

    private mutating func answerDeferredPing() {
        guard let payload = deferredPing else { return }
        deferredPing = nil
        queue(.pong, payload)
    }
}
