import Timing

/// How far something is, in one line of a terminal:
///
/// ```
/// [############------------------]  41%  512/1248  130/s  6 s left  2 failed
/// ```
public struct ProgressBar: Hashable, Sendable {
    private static let barWidth = 30

    private let total: Int

    public init(total: Int) {
        self.total = max(0, total)
    }

    /// - Parameters:
    ///   - done: failed ones included.
    ///   - elapsed: since the beginning.
    ///   - columns: characters that the line may have; it is cut behind.
    public func text(done: Int, failed: Int, elapsed: Duration, columns: Int) -> String {
        let done = min(max(0, done), total)
        let share = total == 0 ? 1 : Double(done) / Double(total)
        let filled = Int(share * Double(Self.barWidth))
        var text = "[" + String(repeating: "#", count: filled)
        text += String(repeating: "-", count: Self.barWidth - filled) + "]"
        text += "\(Int(share * 100))%".aligned(5) + "  \(done)/\(total)"
        let seconds = elapsed.inSeconds
        if seconds >= 1, done > 0 {
            let rate = Double(done) / seconds
            text += rate < 10 ? "  \(Self.tenths(rate))/s" : "  \(Int(rate))/s"
            if done < total { text += "  \(Self.span(Double(total - done) / rate)) left" }
        }
        if failed > 0 { text += "  \(failed) failed" }
        return String(text.prefix(max(0, columns - 1)))
    }

    private static func tenths(_ value: Double) -> String {
        let tenths = Int(value * 10)
        return "\(tenths / 10).\(tenths % 10)"
    }

    /// `6 s`, `4 min`, `3 h`, `2 d`; rounded up.
    static func span(_ seconds: Double) -> String {
        let units: [(name: String, length: Double)] = [("d", 86_400), ("h", 3600), ("min", 60)]
        for unit in units where seconds > 2 * unit.length {
            // Longer than anybody waits.
            return "\(Int(min(seconds / unit.length, 9_999).rounded(.up))) \(unit.name)"
        }
        return "\(Int(max(0, seconds).rounded(.up))) s"
    }
}
