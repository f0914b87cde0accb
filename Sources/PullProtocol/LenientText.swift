import JSONText

extension JSONValue {
    /// A string, or a number as it is written, since PHP makes one of the other. Nil for anything else, for an empty
    /// text, and for one that is longer in bytes than allowed or has control characters.
    func lenientText(maximumLength: Int = 4096) -> String? {
        switch self {
        case .string(let text), .number(let text):
            guard 1...maximumLength ~= text.utf8.count, text.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) else {
                return nil
            }
            return text
        case .object, .array, .bool, .null:
            return nil
        }
    }
}
