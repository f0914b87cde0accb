import Events
import JSONText

/// What a push server of version 4 sends in binary mode (proto3):
///
/// ```
/// ResponseBatch             1 responses: Response, repeated
/// Response (oneof)          1 outgoingMessages: OutgoingMessagesResponse   2 channelStats   3 serverStats
/// OutgoingMessagesResponse  1 messages: OutgoingMessage, repeated
/// OutgoingMessage           1 id: bytes   2 body: string   3 expiry: uint32   4 created: fixed32   5 sender: Sender
/// Sender                    1 type: 0 unknown, 1 client, 2 back end   2 id: bytes
/// ```
extension UnitBytes {
    /// Flattens all messages of all responses, in order. What stands complete before damage is delivered.
    ///
    /// - Parameter enclosing: what the bytes begin in.
    func decodeResponseBatch(within enclosing: ResponseBatchEnclosing = .init(), into decoded: inout DecodedUnit) {
        var intact = IntactEnd()
        if decodeBatch(within: enclosing, intact: &intact, into: &decoded) { return }
        if isTruncated {
            decoded.truncatedBytes += count - intact.position
        } else {
            decoded.damage = Damage(undecodedBytes: count - intact.position)
        }
    }

    /// The same for the messages at the front that are whole: the end of the last one, and what follows it is in.
    func decodeFrontOfBatch(
        within enclosing: ResponseBatchEnclosing, into decoded: inout DecodedUnit
    ) -> (end: Int, enclosing: ResponseBatchEnclosing) {
        var intact = IntactEnd(
            responseEnd: enclosing.response.map { Int(clamping: $0) },
            messagesEnd: enclosing.messages.map { Int(clamping: $0) })
        _ = decodeBatch(within: enclosing, intact: &intact, into: &decoded)
        return (intact.position, intact.enclosing)
    }

    private func decodeBatch(
        within enclosing: ResponseBatchEnclosing, intact: inout IntactEnd, into decoded: inout DecodedUnit
    ) -> Bool {
        decoded.kind = .protobuf
        var batch = ProtobufReader(start: start, from: 0, to: count)
        if let length = enclosing.response {
            let response = enter(&batch, length)
            guard decodeResponse(response, messages: enclosing.messages, intact: &intact, into: &decoded) else {
                return false
            }
            intact = IntactEnd(position: batch.position)
        }
        while let tag = batch.tag() {
            if tag == ProtobufTag.bytes(1) {
                guard let response = enter(&batch), decodeResponse(response, intact: &intact, into: &decoded) else {
                    return false
                }
            } else {
                batch.skip(tag)
                if batch.isDamaged { return false }
            }
            intact = IntactEnd(position: batch.position)
        }
        return !batch.isDamaged
    }

    /// Of a oneof's members the last counts: messages are taken back when statistics follow them.
    ///
    /// - Parameter messages: length of what is left of the messages that the response begins in.
    private func decodeResponse(
        _ response: Enclosed, messages: UInt64? = nil, intact: inout IntactEnd, into decoded: inout DecodedUnit
    ) -> Bool {
        let eventsBefore = decoded.events.count
        var reader = ProtobufReader(start: start, from: response.range.lowerBound, to: response.range.upperBound)
        if let length = messages {
            let messages = enter(&reader, length)
            guard decodeMessages(messages, of: response, intact: &intact, into: &decoded) else { return false }
        }
        while let tag = reader.tag() {
            switch tag {
            case ProtobufTag.bytes(1):
                guard let messages = enter(&reader),
                    decodeMessages(messages, of: response, intact: &intact, into: &decoded)
                else { return false }
            case ProtobufTag.bytes(2), ProtobufTag.bytes(3):
                guard reader.lengthDelimited() != nil else { return false }
                decoded.events.removeSubrange(eventsBefore...)
            default:
                reader.skip(tag)
                if reader.isDamaged { return false }
            }
        }
        return !reader.isDamaged && response.isWhole
    }

    private func decodeMessages(
        _ messages: Enclosed, of response: Enclosed, intact: inout IntactEnd, into decoded: inout DecodedUnit
    ) -> Bool {
        var reader = ProtobufReader(start: start, from: messages.range.lowerBound, to: messages.range.upperBound)
        while let tag = reader.tag() {
            if tag == ProtobufTag.bytes(1) {
                guard let message = reader.lengthDelimited(), decodeMessage(message, into: &decoded) else {
                    return false
                }
                intact = IntactEnd(position: reader.position, responseEnd: response.end, messagesEnd: messages.end)
            } else {
                reader.skip(tag)
                if reader.isDamaged { return false }
            }
        }
        return !reader.isDamaged && messages.isWhole
    }

    /// A message around others, as far as it is there.
    private struct Enclosed {
        var range: Range<Int>
        /// Where it should end; `Int.max` for beyond all bounds.
        var end: Int

        /// False: its length runs beyond what encloses it.
        var isWhole: Bool { end == range.upperBound }
    }

    /// The end of the last message or response that was whole, and where what it stands in should end.
    private struct IntactEnd {
        var position = 0
        var responseEnd: Int?
        var messagesEnd: Int?

        var enclosing: ResponseBatchEnclosing {
            ResponseBatchEnclosing(
                response: responseEnd.map { UInt64($0 - position) }, messages: messagesEnd.map { UInt64($0 - position) }
            )
        }
    }

    /// Enters a field that holds others. If it is cut, what it holds may still be whole.
    @inline(__always)
    private func enter(_ reader: inout ProtobufReader) -> Enclosed? {
        let length = reader.varint()
        return reader.isDamaged ? nil : enter(&reader, length)
    }

    @inline(__always)
    private func enter(_ reader: inout ProtobufReader, _ length: UInt64) -> Enclosed {
        let available = UInt64(reader.end - reader.position)
        let begin = reader.position
        let (end, isBeyond) = begin.addingReportingOverflow(Int(clamping: length))
        reader.position += Int(min(length, available))
        return Enclosed(range: begin..<reader.position, end: isBeyond ? .max : end)
    }
}

/// What encloses a place between two messages of a batch: how many bytes of each are left. Nil: it is not in one.
struct ResponseBatchEnclosing: Sendable, Hashable {
    var response: UInt64?
    var messages: UInt64?
}

extension UnitBytes {
    /// False, and nothing delivered: damaged inside.
    @inline(__always)
    private func decodeMessage(_ message: Range<Int>, into decoded: inout DecodedUnit) -> Bool {
        var reader = ProtobufReader(start: start, from: message.lowerBound, to: message.upperBound)
        var event = Event()
        var body = message.upperBound..<message.upperBound
        while let tag = reader.tag() {
            switch tag {
            case ProtobufTag.bytes(1):
                guard let id = reader.lengthDelimited() else { return false }
                event.id = id.count == 13 ? DecimalDigits.messageID(packed: start + id.lowerBound) : nil
            case ProtobufTag.bytes(2):
                guard let content = reader.lengthDelimited() else { return false }
                body = content
            case ProtobufTag.bytes(5):
                guard let content = reader.lengthDelimited(), decodeSender(content, &event.sender) else { return false }
            default:
                // Expiry and creation time too: the latter is not reliable.
                reader.skip(tag)
            }
        }
        if reader.isDamaged { return false }
        fillBody(body, &event, &decoded)
        decoded.events.append(event)
        return true
    }

    /// A second sender field is merged into the first.
    private func decodeSender(_ content: Range<Int>, _ sender: inout Sender?) -> Bool {
        var reader = ProtobufReader(start: start, from: content.lowerBound, to: content.upperBound)
        var result = sender ?? Sender(kind: .unknown)
        while let tag = reader.tag() {
            switch tag {
            case ProtobufTag.varint(1):
                result.kind = UInt8(exactly: reader.varint()).flatMap(Sender.Kind.init) ?? .unknown
            case ProtobufTag.bytes(2):
                guard let id = reader.lengthDelimited() else { return false }
                result.id = id.count == 16 ? (bigEndian(id.lowerBound), bigEndian(id.lowerBound + 8)) : nil
            default:
                reader.skip(tag)
            }
        }
        sender = result
        return !reader.isDamaged
    }

    private func bigEndian(_ index: Int) -> UInt64 {
        UInt64(bigEndian: UnsafeRawPointer(start + index).loadUnaligned(as: UInt64.self))
    }

    /// The body has its own length, so anything may be in it: JSON with white space around it, or no JSON at all.
    @inline(__always)
    private func fillBody(_ body: Range<Int>, _ event: inout Event, _ decoded: inout DecodedUnit) {
        var userParams = ByteRange.absent
        var dictionary = ByteRange.absent
        var scanner = scanner(at: body.lowerBound, end: body.upperBound)
        scanner.skipWhitespace()
        let isLineBreakBefore = scanner.sawLineBreak
        var isJSON = readBody(&scanner, &event, &userParams, &dictionary)
        if isJSON {
            scanner.skipWhitespace()
            isJSON = scanner.isAtEnd
        }
        if isJSON {
            event.hasLineBreaks = isLineBreakBefore || scanner.sawLineBreak
            if !userParams.isEmpty || !dictionary.isEmpty {
                mergeParams(&event, with: [userParams, dictionary], to: &decoded)
            }
        } else {
            let (id, sender) = (event.id, event.sender)
            event = Event()
            event.id = id
            event.sender = sender
        }
        event.body = range(body.lowerBound, body.upperBound)
    }
}
