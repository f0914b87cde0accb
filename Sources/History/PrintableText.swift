/// Text from outside, as it may stand on a terminal: control characters, C1 among them, and those that turn the direction
/// of writing become dots, so that nothing in it can move the cursor or colour the screen.
public enum PrintableText {
    public static func of(_ text: String) -> String {
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

extension String {
    /// Blanks behind it up to so many characters.
    public func padded(_ width: Int) -> String {
        self + String(repeating: " ", count: max(0, width - count))
    }

    /// Blanks before it up to so many characters.
    func aligned(_ width: Int) -> String {
        String(repeating: " ", count: max(0, width - count)) + self
    }

    /// At most so many characters, the last one a mark when something is missing.
    func shortened(_ width: Int) -> String {
        count <= width ? self : String(prefix(max(0, width - 1))) + "…"
    }
}

extension Int {
    /// `1 event`, `2 events`
    func of(_ noun: String) -> String { self == 1 ? "1 \(noun)" : "\(self) \(noun)s" }
}
