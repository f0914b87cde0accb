import Testing
import WebSocket

/// One message as the application sees it.
struct ReceivedMessage: Equatable, Sendable, CustomStringConvertible {
    var isBinary: Bool
    var bytes: [UInt8]

    static func text(_ text: String) -> ReceivedMessage { ReceivedMessage(isBinary: false, bytes: Array(text.utf8)) }
    static func text(_ bytes: [UInt8]) -> ReceivedMessage { ReceivedMessage(isBinary: false, bytes: bytes) }
    static func binary(_ bytes: [UInt8]) -> ReceivedMessage { ReceivedMessage(isBinary: true, bytes: bytes) }

    var description: String { "\(isBinary ? "binary" : "text") of \(bytes.count) bytes" }
}

/// Everything that shows outside when a session receives a stream of bytes.
struct Reception: Equatable {
    var messages: [ReceivedMessage] = []
    /// Payloads of the pongs sent, in order.
    var pongs: [[UInt8]] = []
    /// Codes of the Close frames sent, in order.
    var closes: [UInt16] = []
    var state = WebSocketSession.State.open
    var ending: WebSocketSession.Ending?

    /// Feeds `input` cut at `cuts` (ascending offsets) to a new session.
    init(
        _ input: [UInt8], cuts: some Sequence<Int> = [], limits: WebSocketSession.Limits = .init(),
        before: (@Sendable (inout WebSocketSession) -> Void)? = nil, endsStream: Bool = false
    ) {
        var session = WebSocketSession(limits: limits, maskingKey: { 0x1122_3344 })
        before?(&session)
        _ = session.takeOutgoing()
        var batch = MessageBatch()
        input.withUnsafeBytes { bytes in
            var start = 0
            for cut in cuts {
                session.receive(UnsafeRawBufferPointer(rebasing: bytes[start..<cut]), into: &batch)
                start = cut
            }
            session.receive(UnsafeRawBufferPointer(rebasing: bytes[start...]), into: &batch)
        }
        if endsStream { session.endOfStream() }
        read(&session, batch)
    }

    init() {}

    mutating func read(_ session: inout WebSocketSession, _ batch: MessageBatch) {
        var fronts: [UInt8] = []
        for message in batch.messages {
            let bytes = fronts + batch.bytes[message.start..<message.end]
            switch message.extent {
            case .front:
                #expect(message.start < message.end)
                fronts = bytes
                continue
            case .whole: #expect(fronts.isEmpty)
            case .rest: #expect(!fronts.isEmpty)
            }
            fronts = []
            messages.append(ReceivedMessage(isBinary: message.isBinary, bytes: bytes))
        }
        guard let frames = ClientFrame.parse(session.takeOutgoing()) else {
            Issue.record("the client sent what no server understands")
            return
        }
        for frame in frames {
            switch frame.opcode {
            case 0xA where closes.isEmpty: pongs.append(frame.payload)
            case 0x8: closes.append(frame.closeCode)
            default: Issue.record("the client sent an unexpected frame: \(frame)")
            }
        }
        state = session.state
        ending = session.ending
    }
}
