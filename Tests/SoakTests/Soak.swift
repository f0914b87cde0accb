import EndToEndSupport
import Foundation
import TestRandom
import Testing

/// The promise of the whole program: what the push server still holds reaches the file, once, whatever dies in between; and
/// what cannot be had any more is written down as a gap.
///
/// Short by default, with everything at the same time; the full figures with `PULLD_ACCEPTANCE=1` take over an hour.
@Suite(.serialized) struct Soak {
    /// So many stages at the same time: more would make two processors wait instead of the program.
    static let doors = StageDoor(capacity: 8)

    /// `$PULLD_SEED`, or another one each time. Every figure names it.
    static let seed: UInt64 = {
        let chosen = ProcessInfo.processInfo.environment["PULLD_SEED"].flatMap { UInt64($0) }
        return chosen ?? UInt64.random(in: 1..<1_000_000)
    }()

    /// Numbers that are the same whenever seed and name are.
    static func random(_ name: String) -> SeededRandom {
        SeededRandom(seed: name.utf8.reduce(seed) { ($0 &* 31) &+ UInt64($1) })
    }

    /// Lets everything begin that is still to come, unless a test was asked for by its name: most of it is waiting.
    static func begin() {
        guard !Extent.isFull, !CommandLine.arguments.contains("--filter") else { return }
        KillRun.begin()
        RotationRun.begin()
        HoleRun.begin()
        NetworkRun.begin()
        StoreLossRun.begin()
        DowntimeRun.begin()
        FallbackRun.begin()
        FullDiskRun.begin()
        HangingSinkRun.begin()
        ManyPortalsRun.begin()
        WebhookKillRun.begin()
        WebhookOutageRun.begin()
        ReloadRun.begin()
        TerminationRun.begin()
    }

    static let fileSink = ["log: { file: { path: $DIRECTORY/events.ndjson } }"]
}

/// What a file says at the end, held against all that a sandbox has published, service commands left out.
struct Verdict: Sendable, CustomStringConvertible {
    var comparison: EventFile.Comparison
    var gaps: [EventFile.Gap]
    var sequenceBreaks: Int
    /// Published, in no line, and in no gap.
    var silentlyMissing: Int
    /// Of each event that both know: when it was published (Unix seconds), and how much later it was received.
    var delays: [(publishedAt: Double, delay: Double)]

    init(_ file: EventFile, _ entries: [SandboxProcess.Published]) {
        comparison = file.compared(with: entries)
        gaps = file.gaps
        sequenceBreaks = file.sequenceBreaks
        let written = Set(file.lines.compactMap(\.mid))
        let gaps = gaps
        silentlyMissing = entries.count { entry in
            !written.contains(entry.mid) && !gaps.contains { $0.covers(entry.mid) }
        }
        let times = Dictionary(
            entries.map { ($0.mid, Double($0.at) / 1_000_000) }, uniquingKeysWith: { first, _ in first })
        delays = file.delays(since: times)
    }

    /// Every event once, no line torn, no number left out, and nothing given up.
    var isPerfect: Bool { comparison.isComplete && gaps.isEmpty && sequenceBreaks == 0 }
    /// The same, but what is missing is written down.
    var isHonest: Bool {
        silentlyMissing == 0 && comparison.duplicated == 0 && comparison.torn == 0 && comparison.foreign == 0
            && sequenceBreaks == 0
    }

    var description: String {
        "\(comparison)" + (gaps.isEmpty ? "" : ", gaps \(gaps.count)")
            + (sequenceBreaks == 0 ? "" : ", breaks in the numbering \(sequenceBreaks)")
    }
}

extension Distribution {
    /// Seconds as milliseconds.
    var milliseconds: String {
        let values = [percentile(50), percentile(99), most].map { String(format: "%.1f", $0 * 1_000) }
        return "p50 \(values[0]) ms, p99 \(values[1]) ms, most \(values[2]) ms"
    }
}
