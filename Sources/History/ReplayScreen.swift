import Timing

/// What somebody sees of a replay while it runs and when it has ended: the bar on a terminal, a line for each event that
/// was given up, and the sum.
public struct ReplayScreen: Sendable {
    /// How often the bar is drawn anew at most.
    private static let interval = Duration.milliseconds(100)
    /// More failures are only counted.
    private static let shownFailures = 100
    private static let clearLine = "\r\u{1B}[K"

    private let total: Int
    private let bar: ProgressBar?
    private let columns: Int
    private let output: TextOutput
    private let time: TimeSource
    private let start: Duration
    private var drawn: Duration?
    private var sent = 0
    private var failed = 0

    /// - Parameters:
    ///   - total: events that will be sent.
    ///   - showsBar: the output is a screen.
    public init(total: Int, showsBar: Bool, output: TextOutput = .error, time: TimeSource = .system) {
        self.total = total
        bar = showsBar ? ProgressBar(total: total) : nil
        columns = output.columns ?? 80
        self.output = output
        self.time = time
        start = time.now().monotonic
    }

    public mutating func show(_ step: Replay.Step) {
        switch step {
        case .sent:
            sent += 1
            draw()
        case .waiting(let number, let reason):
            draw(note: "  #\(number) again: \(PrintableText.of(reason))", now: true)
        case .failed(let number, let name, let reason):
            failed += 1
            if failed <= Self.shownFailures {
                say("#\(number) \(name) was not taken: \(PrintableText.of(reason))")
            } else if failed == Self.shownFailures + 1 {
                say("further events that were not taken are only counted")
            }
            draw(now: true)
        }
    }

    /// The last lines.
    public mutating func end(_ outcome: ReplayOutcome) {
        erase()
        let seconds = Double((time.now().monotonic - start).inSeconds)
        var text = "\(outcome.sent.of("event")) sent"
        if outcome.failed > 0 { text += ", \(outcome.failed) not taken" }
        switch outcome.stop {
        case .target(let reason): text += "; ended, because the target takes nothing: \(PrintableText.of(reason))"
        case .cancelled: text += "; interrupted"
        case nil: text += " in \(ProgressBar.span(seconds))"
        }
        say(text)
        if outcome.stop != nil, let next = outcome.next {
            say("to go on, replay with --seq \(next)- and the same filters")
        }
    }

    private func say(_ text: String) {
        erase()
        // What cannot be told does not end a replay.
        try? output.write("pulld: \(text)\n")
    }

    private func erase() {
        if bar != nil, drawn != nil { try? output.write(Self.clearLine) }
    }

    private mutating func draw(note: String = "", now isUrgent: Bool = false) {
        guard let bar else { return }
        let now = time.now().monotonic
        if let drawn, !isUrgent, now - drawn < Self.interval { return }
        drawn = now
        let text = bar.text(done: sent + failed, failed: failed, elapsed: now - start, columns: columns)
        try? output.write(Self.clearLine + (text + note).shortened(max(10, columns - 1)))
    }
}
