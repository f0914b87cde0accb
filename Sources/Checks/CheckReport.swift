import JSONText
import Timing

/// All findings of a check, in their order, and what they come to.
public struct CheckReport: Sendable {
    /// Of the configuration file.
    public var file: String
    public var findings: [Finding]

    public init(file: String, findings: [Finding] = []) {
        self.file = file
        self.findings = findings
    }

    /// 0 when nothing failed, warnings or not; else that of the first failure.
    public var exitCode: Int32 {
        for finding in findings {
            if case .failed(let failure) = finding.outcome { return failure.rawValue }
        }
        return 0
    }

    /// One sentence.
    public var summary: String {
        let failed = findings.count(where: \.hasFailed)
        let warnings = findings.count { $0.outcome == .warning }
        let skipped = findings.count { $0.outcome == .skipped }
        var parts = ["\(findings.count { $0.outcome == .ok }) ok"]
        if warnings > 0 { parts.append(warnings == 1 ? "1 warning" : "\(warnings) warnings") }
        if failed > 0 { parts.append("\(failed) failed") }
        if skipped > 0 { parts.append("\(skipped) skipped") }
        return (failed > 0 ? "not in order: " : "in order: ") + parts.joined(separator: ", ")
    }

    /// One JSON object on one line, with a line feed at its end.
    ///
    /// ```
    /// {"file":…,"exit_code":0,"stages":[{"name":"dns","portal":"acme","outcome":"ok","milliseconds":12.345,
    ///  "detail":…,"cure":…}]}
    /// ```
    ///
    /// `portal` or `sink` is there where the stage belongs to one, `milliseconds` where they were measured, `cure` where
    /// there is something to do.
    public var json: [UInt8] {
        JSONValue.object([
            ("file", .string(file)),
            ("exit_code", .number("\(exitCode)")),
            ("stages", .array(findings.map(\.json))),
        ]).serialized() + [UInt8(ascii: "\n")]
    }
}

extension Finding {
    fileprivate var json: JSONValue {
        var members: [(key: String, value: JSONValue)] = [("name", .string(stage.rawValue))]
        switch subject {
        case .whole: break
        case .portal(let name): members.append(("portal", .string(name)))
        case .sink(let name): members.append(("sink", .string(name)))
        }
        members.append(("outcome", .string(outcome.word)))
        if let duration {
            let microseconds = Int(duration.inSeconds * 1_000_000)
            members.append(("milliseconds", .number("\(Double(microseconds) / 1000)")))
        }
        members.append(("detail", .string(detail)))
        if !cure.isEmpty { members.append(("cure", .string(cure))) }
        return .object(members)
    }
}

extension Finding.Outcome {
    var word: String {
        switch self {
        case .ok: "ok"
        case .warning: "warning"
        case .failed: "failed"
        case .skipped: "skipped"
        }
    }
}
