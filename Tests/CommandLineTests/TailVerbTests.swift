import EndToEndSupport
import Foundation
import Testing

@Suite(.serialized) struct TailVerbTests {
    @Test("Piped, the events are exactly the lines of the file sink, chosen by number, count, name and text")
    func lines() async throws {
        try await JournalStage.with { journal in
            try await journal.stage.sandbox.load(count: 60, rate: 0)
            try await journal.daemon.hasWritten(60, within: .seconds(20))
            try await journal.publish("shop", "order.paid", params: ["title": "Привет"])
            try await journal.daemon.hasWritten(61, within: .seconds(20))
            let all = journal.lines
            #expect(try await journal.run(["tail", "--since", "1h"]).lines == all)
            #expect(try await journal.run(["tail"]).lines == Array(all.suffix(10)))
            #expect(try await journal.run(["tail", "-n", "3", "--json"]).lines == Array(all.suffix(3)))
            #expect(try await journal.run(["tail", "-n", "0"]).lines == [])
            #expect(try await journal.run(["tail", "--since", "#59"]).lines == Array(all.suffix(3)))
            #expect(try await journal.run(["tail", "--module", "sh*"]).lines == Array(all.suffix(1)))
            #expect(try await journal.run(["tail", "--command", "*.paid", "-n", "5"]).lines == Array(all.suffix(1)))
            #expect(try await journal.run(["tail", "--grep", "Привет"]).lines == Array(all.suffix(1)))
            #expect(try await journal.run(["tail", "--gaps"]).lines == [])
            #expect(try await journal.run(["tail", "--since", "2100-01-01T00:00:00Z"]).lines == [])
            let other = try await journal.run(["tail", "--portal", "acmee"])
            #expect(other.code == 0 && other.lines == [])
            #expect(other.errorOutput == "pulld: the journal has no portal acmee; it has acme\n")
        }
    }

    @Test("Following goes on over a restart of the daemon, with every event once")
    func restart() async throws {
        try await JournalStage.with { journal in
            let tail = try journal.start(["tail", "-f", "--since", "1h"])
            try await journal.stage.sandbox.load(count: 20, rate: 100)
            try await eventually(within: .seconds(30), "the first are shown\n\(tail.errorOutput)") {
                tail.lines.count == 20
            }
            #expect(try await journal.daemon.stop().code == 0)
            let second = try DaemonProcess(journal.recipe, directory: journal.daemon.directory)
            try await journal.stage.isSubscribed(second)
            try await journal.stage.sandbox.loadIsDone(within: .seconds(20))
            try await journal.stage.sandbox.load(count: 20, rate: 100)
            try await eventually(within: .seconds(30), "the others are shown\n\(tail.errorOutput)") {
                tail.lines.count >= 40
            }
            try await second.hasWritten(40, within: .seconds(20))
            #expect(tail.lines == journal.lines)
            #expect(tail.exit == nil)
            tail.signal(SIGINT)
            #expect(try await tail.exit(within: .seconds(30)).signal == SIGINT)
            #expect(tail.errorOutput == "")
        }
    }

    @Test("It works with no daemon running, and a reader that goes away is no fault")
    func alone() async throws {
        try await JournalStage.with { journal in
            try await journal.stage.sandbox.load(count: 50, rate: 0)
            try await journal.daemon.hasWritten(50, within: .seconds(20))
            try await journal.daemon.stop()
            let head = try await journal.shell(#""$PULLD" tail -n 50 --state "$STATE" | head -n 1"#)
            #expect(head.code == 0 && head.lines == Array(journal.lines.prefix(1)), "\(head.errorOutput)")
            #expect(head.errorOutput == "")
            // Nothing more comes: the end of head alone ends it.
            let follow = try await journal.shell(#""$PULLD" tail -f --state "$STATE" | head -n 1"#)
            #expect(follow.code == 0 && follow.lines.count == 1)
            let full = try await journal.shell(#""$PULLD" tail --state "$STATE" > /dev/full"#)
            #expect(full.code == 74)
            #expect(full.errorOutput == "pulld: standard output: No space left on device\n")
        }
    }

    @Test("On a terminal an event is a line for people, in colour unless that is not wanted")
    func terminal() async throws {
        try await JournalStage.with { journal in
            try await journal.publish("shop", "order.paid", params: ["who": "\u{1B}[2J"])
            try await journal.daemon.hasWritten(1, within: .seconds(20))
            let view = try await journal.shell(#""$PULLD" tail --state "$STATE""#, isTerminal: true).output
            #expect(view.contains("\u{1B}[32mshop/order.paid"))
            #expect(!view.contains("\u{1B}[2J"))
            let plain = try await journal.shell(#"NO_COLOR=1 "$PULLD" tail --state "$STATE""#, isTerminal: true)
            #expect(plain.output.contains(" acme    #1  shop/order.paid           who ·[2J"))
            #expect(!plain.output.contains("\u{1B}"))
            let json = try await journal.shell(#""$PULLD" tail --json --state "$STATE""#, isTerminal: true).output
            #expect(json.hasPrefix(#"{"seq":1,"portal":"acme","#))
        }
    }
}
