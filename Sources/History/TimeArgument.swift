public import Events
import PullProtocol

/// A point in the journal as somebody writes it: `10m`, `2h`, `1d` (so long ago), an RFC 3339 time, or `#41`, an event's
/// number.
public enum TimeArgument: Hashable, Sendable {
    /// Microseconds since 1970.
    case moment(Int64)
    case sequence(UInt64)

    /// What to write instead.
    public static let cure =
        "write 90s, 10m, 2h or 1d, a time like 2026-11-22T09:00:00Z, or an event's number like '#41'"

    /// Nil for anything else.
    ///
    /// - Parameter now: microseconds since 1970.
    public init?(_ text: String, now: Int64) {
        if text.first == "#" {
            guard let number = SequenceRange.number(text.dropFirst()) else { return nil }
            self = .sequence(number)
        } else if let span = Self.span(text) {
            self = .moment(now - span)
        } else if let moment = Self.moment(text) {
            self = .moment(moment)
        } else {
            return nil
        }
    }

    /// Microseconds; at most a hundred years.
    private static func span(_ text: String) -> Int64? {
        guard let unit = text.last, let number = SequenceRange.number(text.dropLast()) else { return nil }
        let factors: [Character: UInt64] = ["s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800]
        guard let factor = factors[unit], number <= 36_525 * 86_400 / factor else { return nil }
        return Int64(number * factor) * 1_000_000
    }

    /// A fraction is kept to the microsecond, as the lines of events have it.
    private static func moment(_ text: String) -> Int64? {
        // Unix seconds are points in time to portals, but here they could be meant as a number of an event.
        guard text.contains(where: { $0 == "T" || $0 == "t" || $0 == " " }), let seconds = Timestamp.parse(text) else {
            return nil
        }
        guard let point = text.firstIndex(of: ".") else { return seconds * 1_000_000 }
        let digits = text[text.index(after: point)...].prefix { "0"..."9" ~= $0 }.prefix(6)
        let fraction = Int64(digits + String(repeating: "0", count: 6 - digits.count)) ?? 0
        return seconds * 1_000_000 + fraction
    }
}

/// Numbers of events as somebody writes them: `41`, `41-60`, or `41-` for all from there on. A `#` before a number is
/// allowed.
public struct SequenceRange: Hashable, Sendable {
    public static let cure = "write an event's number, 41, or a range, 41-60 or 41-"

    public var numbers: ClosedRange<UInt64>

    public init?(_ text: String) {
        let ends = text.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
            .map { $0.first == "#" ? $0.dropFirst() : $0 }
        guard let low = Self.number(ends[0]) else { return nil }
        guard ends.count == 2 else {
            numbers = low...low
            return
        }
        guard let high = ends[1].isEmpty ? UInt64.max : Self.number(ends[1]), low <= high else { return nil }
        numbers = low...high
    }

    /// Decimal digits only: no sign, no blanks.
    static func number(_ text: Substring) -> UInt64? {
        text.utf8.allSatisfy { 0x30...0x39 ~= $0 } ? UInt64(text) : nil
    }
}

/// Positions of messages as somebody writes them: 26 digits, or two of them with a dash between, the second perhaps left
/// out.
public struct MessageIDRange: Hashable, Sendable {
    public static let cure = "write a mid of 26 digits, or a range, MID-MID or MID-"

    public var ids: ClosedRange<MessageID>

    public init?(_ text: String) {
        let ends = text.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
        guard let low = MessageID(String(ends[0])) else { return nil }
        guard ends.count == 2 else {
            ids = low...low
            return
        }
        let highest = MessageID(generation: 9_999_999_999, counter: 9_999_999_999_999_999)
        guard let high = ends[1].isEmpty ? highest : MessageID(String(ends[1])), low <= high else { return nil }
        ids = low...high
    }
}
