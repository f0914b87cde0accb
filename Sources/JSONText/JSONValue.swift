/// A JSON document as a tree, for answers that are small and read by name. Messages do not go this way: their bytes are
/// passed on untouched.
public indirect enum JSONValue: Sendable {
    /// In the order of the text, duplicates included.
    case object([(key: String, value: JSONValue)])
    case array([JSONValue])
    case string(String)
    /// As written, by the grammar of RFC 8259, section 6.
    case number(String)
    case bool(Bool)
    case null

    /// The member named `key`, the last one if there are several; nil if there is none or this is no object.
    public subscript(key: String) -> JSONValue? {
        guard case .object(let members) = self else { return nil }
        return members.last { $0.key == key }?.value
    }

    public var object: [(key: String, value: JSONValue)]? {
        if case .object(let members) = self { members } else { nil }
    }

    public var array: [JSONValue]? {
        if case .array(let elements) = self { elements } else { nil }
    }

    public var string: String? {
        if case .string(let text) = self { text } else { nil }
    }

    public var isNull: Bool {
        if case .null = self { true } else { false }
    }
}

/// PHP writes numbers and truth values in several ways, depending on where they come from.
extension JSONValue {
    /// A number, or a string that holds one. A fraction is cut off. Nil for anything else and for what `Int` cannot hold.
    public var lenientInt: Int? {
        let text: String
        switch self {
        case .number(let number): text = number
        case .string(let string): text = string
        case .object, .array, .bool, .null: return nil
        }
        if let integer = Int(text) { return integer }
        // `Double` would also read "0x10" and "nan".
        guard text.utf8.allSatisfy({ "0123456789+-.eE".utf8.contains($0) }), let number = Double(text) else {
            return nil
        }
        return Int(exactly: number.rounded(.towardZero))
    }

    /// True: `true`, 1, "1", "Y", "true". False: `false`, 0, "0", "N", "false", "", null. Letters in either case. Nil for
    /// anything else.
    public var lenientBool: Bool? {
        switch self {
        case .bool(let value): return value
        case .null: return false
        case .number, .string: break
        case .object, .array: return nil
        }
        switch string?.lowercased() {
        case "y", "true": return true
        case "n", "false", "": return false
        default: break
        }
        switch lenientInt {
        case 1: return true
        case 0: return false
        default: return nil
        }
    }
}

extension JSONValue: Equatable {
    public static func == (left: JSONValue, right: JSONValue) -> Bool {
        switch (left, right) {
        case (.object(let one), .object(let other)):
            one.elementsEqual(other) { $0.key == $1.key && $0.value == $1.value }
        case (.array(let one), .array(let other)): one == other
        case (.string(let one), .string(let other)): one == other
        case (.number(let one), .number(let other)): one == other
        case (.bool(let one), .bool(let other)): one == other
        case (.null, .null): true
        default: false
        }
    }
}
