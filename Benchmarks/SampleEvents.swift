/// Messages as portals send them, of a wanted size, with places for their message ids.
///
/// A message id here is `1700000000`, `10000000`, and eight digits that count messages, one by one as servers do: only the
/// last eight have to be written again before prepared memory is sent once more.
enum SampleEvents {
    enum Mode: String, CaseIterable, Sendable {
        /// Version 3: envelopes in text frames.
        case text
        /// Version 4: protobuf in binary frames.
        case protobuf
    }

    static let generation = "1700000000"
    static let highDigits = "10000000"

    /// The envelope with its markers is `size` bytes long. In binary mode the same body travels, with less around it.
    static func body(for size: Int) -> [UInt8] {
        let head = #"{"module_id":"application","command":"order.paid","params":{"order":184467,"items":["#
        let tail =
            #""},"extra":{"server_time":"2026-11-22T09:00:00+00:00","server_time_unix":1795338000.25,"revision_web":19}}"#
        let item = #"{"sku":"A-1029","count":2,"price":"129.90","title":"Чай зелёный 100\/25"}"#
        var items = ""
        func text(note: Int) -> String {
            head + items + #"],"note":"Доставить до 18:00 "# + String(repeating: "n", count: note) + tail
        }
        let wanted = size - (envelope(around: [], index: 0).bytes.count)
        while text(note: 0).utf8.count + item.utf8.count + 1 <= wanted {
            items += (items.isEmpty ? "" : ",") + item
        }
        return Array(text(note: max(0, wanted - text(note: 0).utf8.count)).utf8)
    }

    /// - Returns: the envelope, and the two offsets of the eight counting digits in it.
    static func envelope(around body: [UInt8], index: Int) -> (bytes: [UInt8], places: [Int]) {
        let number = decimal(index)
        var bytes = Array("#!NGINXNMS!#{\"id\":\(highDigits)".utf8)
        var places = [bytes.count]
        bytes += Array("\(number),\"mid\":\"\(generation)\(highDigits)".utf8)
        places.append(bytes.count)
        bytes += Array("\(number)\"".utf8)
        bytes += Array(#","channel":"-","tag":"250","time":"Sun, 22 Nov 2026 09:00:00 GMT","text":"#.utf8)
        bytes += body
        bytes += Array("}#!NGINXNME!#".utf8)
        return (bytes, places)
    }

    /// An `OutgoingMessage` from the portal, with the tag and length of its place in the batch.
    ///
    /// - Returns: its bytes, and the offset of the four bytes that hold the eight counting digits.
    static func message(around body: [UInt8], index: Int) -> (bytes: [UInt8], place: Int) {
        var content: [UInt8] = [0x0A, 13]
        content += binary(generation + highDigits)
        let place = content.count
        content += binary(decimal(index))
        content += [0x12] + varint(body.count) + body
        content += [0x18] + varint(86_400)
        content += [0x2A, 2, 0x08, 2]
        let head = [0x0A] + varint(content.count)
        return (head + content, head.count + place)
    }

    /// One frame from a server: never masked.
    static func frame(_ payload: [UInt8], isBinary: Bool) -> [UInt8] {
        var frame: [UInt8] = [isBinary ? 0x82 : 0x81]
        switch payload.count {
        case ..<126: frame.append(UInt8(payload.count))
        case ..<65536: frame += [126, UInt8(payload.count >> 8), UInt8(payload.count & 0xFF)]
        default: frame += [127] + (0..<8).map { UInt8(truncatingIfNeeded: payload.count >> (56 - 8 * $0)) }
        }
        return frame + payload
    }

    /// A unit of several messages: what one frame carries.
    static func unit(mode: Mode, size: Int, events: Int) -> [UInt8] {
        let body = body(for: size)
        switch mode {
        case .text: return (0..<events).flatMap { envelope(around: body, index: $0).bytes }
        case .protobuf: return batch((0..<events).flatMap { message(around: body, index: $0).bytes })
        }
    }

    /// ResponseBatch { responses = Response { outgoingMessages = { messages… } } }
    static func batch(_ messages: [UInt8]) -> [UInt8] {
        let response = [0x0A] + varint(messages.count) + messages
        return [0x0A] + varint(response.count) + response
    }

    static func varint(_ value: Int) -> [UInt8] {
        var bytes: [UInt8] = []
        var rest = value
        while rest > 0x7F {
            bytes.append(UInt8(rest & 0x7F) | 0x80)
            rest >>= 7
        }
        return bytes + [UInt8(rest)]
    }

    private static func decimal(_ index: Int) -> String {
        let digits = String(index)
        return String(repeating: "0", count: max(0, 8 - digits.count)) + digits
    }

    /// Two decimal digits a byte.
    private static func binary(_ digits: String) -> [UInt8] {
        let values = digits.utf8.map { $0 - 0x30 }
        return stride(from: 0, to: values.count, by: 2).map { values[$0] << 4 | values[$0 + 1] }
    }
}
