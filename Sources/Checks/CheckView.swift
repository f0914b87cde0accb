import History
import Timing

/// Findings as lines for people: outcome, whose and which stage, time, what was found; below it what to do.
///
/// ```
/// ok       acme: dns                  12 ms  acme.bitrix24.com
/// failed   acme: tcp                   3 ms  acme.bitrix24.com accepts no connection
///                                            → check that the server runs and that no firewall is in between
/// ```
public struct CheckView: Sendable {
    private let labelWidth: Int
    private let isColoured: Bool

    /// - Parameter subjects: of all lines, for their alignment.
    public init(subjects: [CheckSubject], isColoured: Bool) {
        let longestTitle = CheckStage.allCases.map(\.title.count).max() ?? 0
        labelWidth = subjects.map { Self.prefix($0).count + longestTitle }.max() ?? longestTitle
        self.isColoured = isColoured
    }

    private static func prefix(_ subject: CheckSubject) -> String {
        switch subject {
        case .whole: ""
        case .portal(let name): "\(name): "
        case .sink(let name): "sink \(name): "
        }
    }

    public func text(_ finding: Finding) -> String {
        let label = Self.prefix(finding.subject) + finding.stage.title
        let time = finding.duration.map(Self.text) ?? ""
        var line = StyledLine()
        line.add(Self.padded(finding.outcome.word, to: 9), finding.outcome.style)
        line.add(Self.padded(label, to: labelWidth))
        line.add(String(repeating: " ", count: max(1, 10 - time.count)) + time + "  ", .dim)
        line.add(Self.plain(finding.detail), finding.outcome == .skipped ? .dim : .plain)
        let text = line.text(isColoured: isColoured)
        guard !finding.cure.isEmpty, finding.outcome != .ok else { return text }
        var cure = StyledLine()
        cure.add(String(repeating: " ", count: 9 + labelWidth + 12))
        cure.add("→ " + Self.plain(finding.cure))
        return text + cure.text(isColoured: isColoured)
    }

    public func text(_ report: CheckReport) -> String {
        var line = StyledLine()
        line.add(report.summary, report.exitCode == 0 ? .good : .bad)
        return line.text(isColoured: isColoured)
    }

    private static func padded(_ text: String, to width: Int) -> String {
        text + String(repeating: " ", count: max(0, width - text.count))
    }

    /// Whole milliseconds, or seconds with one digit from ten on.
    static func text(_ duration: Duration) -> String {
        let milliseconds = Int((duration.inSeconds * 1000).rounded())
        guard milliseconds >= 10_000 else { return "\(milliseconds) ms" }
        return "\(milliseconds / 1000).\(milliseconds % 1000 / 100) s"
    }

    /// What servers say may hold anything; it must not move the cursor.
    private static func plain(_ text: String) -> String {
        String(
            String.UnicodeScalarView(
                text.unicodeScalars.map { $0.value < 0x20 || 0x7F...0x9F ~= $0.value ? " " : $0 }))
    }
}

extension Finding.Outcome {
    fileprivate var style: TextStyle {
        switch self {
        case .ok: .green
        case .warning: .yellow
        case .failed: .bad
        case .skipped: .dim
        }
    }
}
