import Delivery
import Events
import JSONText

/// An event, short enough for one line of a terminal. It came over a socket: nothing in it can move the cursor.
struct EventSummary: Sendable {
    /// Characters for names and values together.
    private static let width = 44

    /// `module/command`
    var name: String
    /// The running number that the demonstration gives its events.
    var number: Int?
    /// Names and values of `params`.
    var members: [(key: String, value: String)] = []

    init(_ event: Event, in bytes: UnsafeRawBufferPointer) {
        name = Self.text(event.module, bytes) + "/" + Self.text(event.command, bytes)
        let params = JSONValue.parse(Self.slice(event.params, bytes))
        number = params?["n"]?.lenientInt
        var room = Self.width
        for (key, value) in params?.object ?? [] where key != "n" {
            let key = Self.printable(key)
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
        case .string(let text): printable(text)
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
        printable(JSONEscape.text(of: slice(range, bytes)))
    }

    /// Control characters, C1 among them, and those that turn the direction of writing become dots.
    private static func printable(_ text: String) -> String {
        String(
            String.UnicodeScalarView(
                text.unicodeScalars.map { scalar in
                    switch scalar.properties.generalCategory {
                    case .control, .format, .lineSeparator, .paragraphSeparator: "·"
                    default: scalar
                    }
                }))
    }
}
