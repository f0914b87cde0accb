@testable import History
import Synchronization
import Testing
import Timing

@Suite final class ReplayScreenTests: Sendable {
    private let pipe = PipeReader()
    private let now = Mutex(Duration.zero)

    private func screen(total: Int, showsBar: Bool) -> ReplayScreen {
        ReplayScreen(
            total: total, showsBar: showsBar, output: pipe.output,
            time: TimeSource { [self] in Moment(monotonic: now.withLock { $0 }, wall: 0) })
    }

    @Test("Without a screen only failures and the sum are told, a line each, with nothing of a terminal in them")
    func plain() {
        var screen = screen(total: 3, showsBar: false)
        screen.show(.sent)
        screen.show(.waiting(number: 2, reason: "500"))
        screen.show(.failed(number: 2, name: "a/b", reason: "500 \u{1B}[1m"))
        var outcome = ReplayOutcome()
        (outcome.sent, outcome.failed) = (2, 1)
        now.withLock { $0 = .seconds(3) }
        screen.end(outcome)
        #expect(
            pipe.text() == """
                pulld: #2 a/b was not taken: 500 ·[1m
                pulld: 2 events sent, 1 not taken in 3 s

                """)
    }

    @Test("A replay that ended early says why, and how to go on")
    func stopped() {
        var screen = screen(total: 3, showsBar: false)
        var outcome = ReplayOutcome()
        (outcome.sent, outcome.stop, outcome.next) = (1, .target(reason: "refused"), 42)
        screen.end(outcome)
        (outcome.stop) = .cancelled
        screen.end(outcome)
        #expect(
            pipe.text() == """
                pulld: 1 event sent; ended, because the target takes nothing: refused
                pulld: to go on, replay with --seq 42- and the same filters
                pulld: 1 event sent; interrupted
                pulld: to go on, replay with --seq 42- and the same filters

                """)
    }

    @Test("The bar is drawn ten times a second at most, and is gone before a line is written")
    func bar() {
        var screen = screen(total: 1000, showsBar: true)
        for step in 0..<1000 {
            now.withLock { $0 = .milliseconds(step) }
            screen.show(.sent)
        }
        screen.show(.failed(number: 7, name: "a/b", reason: "500"))
        screen.end(ReplayOutcome())
        let text = pipe.text()
        #expect(text.split(separator: "/1000").count == 12)
        #expect(text.contains("\r\u{1B}[Kpulld: #7 a/b was not taken: 500\n"))
        #expect(text.contains("\r\u{1B}[Kpulld: 0 events sent"))
    }

    @Test("Of very many failures the first hundred are told")
    func manyFailures() {
        var screen = screen(total: 1000, showsBar: false)
        for number in 0..<1000 { screen.show(.failed(number: UInt64(number), name: "a/b", reason: "500")) }
        let lines = pipe.text().split(separator: "\n")
        #expect(lines.count == 101)
        #expect(lines.last == "pulld: further events that were not taken are only counted")
    }
}
