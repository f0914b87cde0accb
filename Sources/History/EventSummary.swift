public import Events
import JSONText

/// An event, short enough for one line of a terminal. It came over a socket: nothing in it can move the cursor.
public struct EventSummary: Sendable {
    /// `module/command`; empty when the body is not the usual object.
    public var name: String
    /// The running number among `params`, if the events are numbered.
    public var number: Int?
    /// Names and values of `params`; of another body the value alone, without a name.
    public var members: [(key: String, value: String)] = []

    /// - Parameters:
    ///   - bytes: those of the event's batch.
    ///   - width: characters for names and values together.
    ///   - numberKey: the member of `params` that is `number`, and not among `members`.
    public init(_ event: Event, in bytes: UnsafeRawBufferPointer, width: Int = 44, numberKey: String? = nil) {
        guard event.shape == .object else {
            name = ""
            let body = Self.slice(event.body, bytes)
            let text = JSONValue.parse(body).map(Self.short) ?? PrintableText.of(String(decoding: body, as: UTF8.self))
            members = [("", text.shortened(width))]
            return
        }
        name = Self.text(event.module, bytes) + "/" + Self.text(event.command, bytes)
        let params = JSONValue.parse(Self.slice(event.params, bytes))
        if let numberKey { number = params?[numberKey]?.lenientInt }
        var room = width
        for (key, value) in params?.object ?? [] where key != numberKey {
            let key = PrintableText.of(key)
            let text = Self.short(value)
            room -= key.count + text.count + 3
            guard room >= 0 else {
                members.append(("…", ""))
                break
            }
            members.append((key, text))
        }
    }

    private static func short(_ value: JSONValue) -> String {
        switch value {
        case .string(let text): PrintableText.of(text)
        case .number(let text): text
        case .bool(let value): "\(value)"
        case .null: "null"
        case .array(let elements): "[\(elements.count)]"
        case .object(let members): "{\(members.count)}"
        }
    }

    private static func slice(_ range: ByteRange, _ bytes: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        guard range.start <= range.end, Int(range.end) <= bytes.count else { return .init(start: nil, count: 0) }
        return UnsafeRawBufferPointer(rebasing: bytes[range.range])
    }

    private static func text(_ range: ByteRange, _ bytes: UnsafeRawBufferPointer) -> String {
        PrintableText.of(JSONEscape.text(of: slice(range, bytes)))
    }
}

extension EventBatch {
    /// What one of its events is called: `module/command`, `gap`, or `message` for a body without names.
    func eventName(_ index: Int) -> String {
        guard events.indices.contains(index) else { return "" }
        if events[index].shape == .gap { return "gap" }
        let name = bytes.withUnsafeBytes { EventSummary(events[index], in: $0, width: 0).name }
        return name.isEmpty ? "message" : name
    }
}
