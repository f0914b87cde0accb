import PullProtocol
import Transport
import WebSocket

/// What one WebSocket brings: whole messages, and large ones while they come.
struct WebSocketInflow {
    /// Bytes of a message that have to be there before its front is taken.
    static let frontSize = 64 * 1024
    /// Bytes of a message that are kept because nothing can be made of them before it is whole. More end the connection,
    /// as too large.
    static let largestRest = 64 * 1024 * 1024

    static var limits: WebSocketSession.Limits {
        var limits = WebSocketSession.Limits()
        limits.frontSize = frontSize
        limits.maximumMessageSize = UnitDecoder.maximumSize
        return limits
    }

    var source: Session.Source
    /// What was taken of the message that is coming.
    var part = Session.UnitPart()
    /// What has come of it and was not taken.
    var rest: [UInt8] = []
    /// The size of the rest below which it is not looked at again: twice what was looked at in vain.
    var nextSize = 0

    init(_ source: Session.Source) {
        self.source = source
    }

    var isTooLarge: Bool { rest.count > Self.largestRest }
}

extension Session {
    /// Takes a turn, as `MessageBatch.turns` gives them.
    ///
    /// - Returns: nil after the front of a message; the outcome of its last part is that of the whole.
    func take(_ turn: MessageBatch, _ inflow: inout WebSocketInflow) async throws -> Intake.Outcome? {
        switch turn.messages.first?.extent {
        case .front:
            let kind = turn.kind(of: 0)
            inflow.rest += turn.bytes
            if inflow.rest.count < inflow.nextSize { return nil }
            let count = await takeFront(inflow.rest, kind: kind, after: &inflow.part, from: inflow.source)
            inflow.rest.removeFirst(count)
            inflow.nextSize = inflow.rest.count * 2
            return nil
        case .rest:
            let (bytes, part) = (inflow.rest + turn.bytes, inflow.part)
            inflow = WebSocketInflow(inflow.source)
            return try await take(bytes, units: [(0..<bytes.count, turn.kind(of: 0))], after: part, from: inflow.source)
        default:
            let units = turn.messages.indices.map {
                (range: turn.messages[$0].start..<turn.messages[$0].end, kind: turn.kind(of: $0))
            }
            return try await take(turn.bytes, units: units, from: inflow.source)
        }
    }

    /// After the end of a connection within a message: what was taken of it counts as an answer that was cut.
    func takeCut(_ inflow: WebSocketInflow) async {
        guard inflow.part.outcome != nil else { return }
        var source = inflow.source
        source.isTruncated = true
        _ = try? await take([], units: [], after: inflow.part, from: source)
    }
}

extension MessageBatch {
    func kind(of index: Int) -> FrameKind { messages[index].isBinary ? .binary : .text }

    /// Whole messages together, and each part of a message alone.
    ///
    /// - Parameter splitsFirst: the first message alone, too: it is the history, and how many messages are in that tells
    ///   whether it was cut. What came right behind it must not be counted with it.
    func turns(splitsFirst: Bool) -> [MessageBatch] {
        if messages.count < 2 || (!splitsFirst && messages.allSatisfy { $0.extent == .whole }) { return [self] }
        var turns: [MessageBatch] = []
        var canGrow = false
        for message in messages {
            let isAlone = message.extent != .whole || (splitsFirst && turns.isEmpty)
            if isAlone || !canGrow { turns.append(MessageBatch()) }
            canGrow = !isAlone
            turns[turns.count - 1].append(message, bytes[message.start..<message.end])
        }
        return turns
    }

    private mutating func append(_ message: Message, _ payload: ArraySlice<UInt8>) {
        let start = bytes.count
        bytes += payload
        messages.append(
            Message(isBinary: message.isBinary, start: start, end: bytes.count, extent: message.extent))
    }
}
