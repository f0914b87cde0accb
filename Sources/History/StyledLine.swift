/// How a piece of a line looks on a terminal: the numbers of an SGR sequence (ECMA-48, 8.3.117).
public enum TextStyle: String, Sendable {
    case plain = ""
    case bold = "1"
    case dim = "2"
    case green = "32"
    case yellow = "33"
    case magenta = "35"
    case cyan = "36"
    case good = "1;32"
    case bad = "1;31"
}

/// A line in pieces, each with its look.
public struct StyledLine: Sendable {
    private var pieces: [(text: String, style: TextStyle)] = []

    public init() {}

    public mutating func add(_ text: String, _ style: TextStyle = .plain) {
        pieces.append((text, style))
    }

    public static func += (left: inout StyledLine, right: StyledLine) {
        left.pieces += right.pieces
    }

    /// Characters, without the colours.
    var width: Int { pieces.reduce(0) { $0 + $1.text.count } }

    /// With a line feed at its end and no blanks before it.
    public func text(isColoured: Bool) -> String {
        var pieces = pieces
        while let last = pieces.last, last.text.allSatisfy({ $0 == " " }) { pieces.removeLast() }
        if let last = pieces.indices.last {
            while pieces[last].text.last == " " { pieces[last].text.removeLast() }
        }
        var line = ""
        for (text, style) in pieces {
            line += isColoured && style != .plain ? "\u{1B}[\(style.rawValue)m\(text)\u{1B}[0m" : text
        }
        return line + "\n"
    }
}
