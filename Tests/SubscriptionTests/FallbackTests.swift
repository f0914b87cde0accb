import PullProtocol
import Testing
import Timing

@testable import Subscription

@Suite struct FallbackTests {
    private func end(_ code: Int) -> LinkEnd { LinkEnd(.closed(code: code, reason: ""), cause: "\(code)") }

    private func machine(_ edit: (inout SessionRules) -> Void = { _ in }) -> Machine {
        var machine = Machine {
            $0.regularRefresh = 1_000_000
            edit(&$0)
        }
        machine.answer = offered
        machine.hears = true
        return machine
    }

    private let offered = configuration(end: 1_900_000_000)

    /// Lets each connection that comes up end with `code`; the ways and times of the next ones.
    private func fail(_ machine: inout Machine, _ code: Int, times: Int) throws -> [(PushTransport, Double)] {
        var ways: [(PushTransport, Double)] = []
        for _ in 0..<times {
            let link = try #require(machine.machine.serving?.id)
            machine.send(.ended(link, end(code)))
            let next = try #require(opening(&machine, within: 5000))
            ways.append((next.transport, next.at))
        }
        return ways
    }

    /// Second by second: little time passes after the connection was opened.
    private func opening(_ machine: inout Machine, within seconds: Double) -> (transport: PushTransport, at: Double)? {
        for tenth in 1...Int(seconds * 10) {
            for happened in machine.run(for: 0.1) {
                if let transport = happened.action.openedTransport { return (transport, Double(tenth) / 10) }
            }
        }
        return nil
    }

    /// Never worked by WebSocket, live by long polling.
    private func blocked(_ edit: (inout SessionRules) -> Void = { _ in }) throws -> Machine {
        var machine = machine(edit)
        machine.send(.start)
        machine.send(.configured(offered, skew: 0))
        #expect(try fail(&machine, 1006, times: 4).map(\.0) == [.webSocket, .webSocket, .webSocket, .longPolling])
        let link = try #require(machine.machine.serving?.id)
        machine.send(.opened(link))
        machine.send(.proven(link))
        #expect(machine.machine.status == .live(.longPolling))
        return machine
    }

    @Test("A proxy's page instead of the upgrade leads to long polling without another look at the configuration")
    func page() throws {
        var machine = machine()
        machine.send(.start)
        machine.send(.configured(offered, skew: 0))
        let refusal = LinkEnd(
            .refusedUpgrade(status: 403, answer: "<html>Forbidden</html>", retryAfter: nil), cause: "403")
        var wait = 0.0
        for _ in 0..<4 {
            machine.send(.ended(try #require(machine.machine.serving?.id), refusal))
            wait = try #require(opening(&machine, within: 5000)).at
        }
        #expect(machine.machine.serving?.transport == .longPolling)
        #expect(wait <= 5.1)
    }

    @Test(
        "The fourth failure in a row that looks blocked leads to long polling, at once",
        arguments: [1002, 1005, 1006, 1008, 1015])
    func falls(code: Int) throws {
        var machine = machine()
        machine.send(.start)
        machine.send(.configured(offered, skew: 0))
        let ways = try fail(&machine, code, times: 4)
        #expect(ways.map(\.0) == [.webSocket, .webSocket, .webSocket, .longPolling])
        #expect(ways[3].1 <= 5.1)
    }

    @Test("4010, 4036, 4029 and restarts never count", arguments: [4010, 4036, 4029, 1012, 1001, 1013])
    func doesNotCount(code: Int) throws {
        var machine = machine()
        machine.send(.start)
        machine.send(.configured(offered, skew: 0))
        for _ in 0..<3 {
            let ways = try fail(&machine, 1006, times: 3) + fail(&machine, code, times: 1)
            #expect(ways.allSatisfy { $0.0 == .webSocket })
        }
        #expect(try fail(&machine, code, times: 5).allSatisfy { $0.0 == .webSocket })
    }

    @Test("The loss of a connection that has worked does not count")
    func lossDoesNotCount() throws {
        var machine = machine()
        machine.send(.start)
        machine.send(.configured(offered, skew: 0))
        for _ in 0..<6 {
            let link = try #require(machine.machine.serving?.id)
            machine.send(.opened(link))
            machine.run(for: 6)
            machine.send(.ended(link, lost))
            #expect(opening(&machine, within: 2000)?.transport == .webSocket)
        }
    }

    @Test("The setting websocket stays WebSocket, and so does a portal without long polling")
    func noOtherWay() throws {
        for isSetting in [true, false] {
            var machine = machine { if isSetting { $0.transport = .webSocketOnly } }
            var only = offered
            if !isSetting { only.longPollingURL = nil }
            machine.answer = only
            machine.send(.start)
            machine.send(.configured(only, skew: 0))
            #expect(try fail(&machine, 1006, times: 8).allSatisfy { $0.0 == .webSocket })
        }
    }

    @Test("WebSocket is tried beside the poll loop after 600, 1200, then every 1800 s; a failure disturbs nothing")
    func trials() throws {
        var machine = machine()
        let first = try machine.live(offered)
        machine.run(for: 60)
        machine.send(.ended(first, lost))
        _ = opening(&machine, within: 60)
        _ = try fail(&machine, 1006, times: 4)
        let loop = try #require(machine.machine.serving?.id)
        machine.send(.proven(loop))
        let failures = machine.machine.connectionBackoff.failures
        for wait in [600.0, 1200, 1800, 1800] {
            let trial = try #require(opening(&machine, within: 2000))
            #expect(trial.transport == .webSocket)
            #expect((wait - 5...wait * 1.05 + 0.1).contains(trial.at))
            let id = try #require(machine.machine.trial?.id)
            machine.send(.ended(id, lost))
            #expect(machine.machine.serving?.id == loop)
            #expect(machine.machine.status == .live(.longPolling))
            #expect(machine.machine.connectionBackoff.failures == failures)
            #expect(!machine.machine.holdsPosition)
        }
    }

    @Test("Where WebSocket has never worked it is tried every twelve hours")
    func neverWorked() throws {
        var machine = try blocked()
        #expect(opening(&machine, within: 43_000) == nil)
        #expect(opening(&machine, within: 3000)?.transport == .webSocket)
    }

    @Test("A trial takes over once it has worked for 30 s, and only then the poll loop is closed")
    func takesOver() throws {
        var machine = try blocked { $0.webSocketTrialIfNeverWorked = 60 }
        let loop = try #require(machine.machine.serving?.id)
        #expect(opening(&machine, within: 70)?.transport == .webSocket)
        let trial = try #require(machine.machine.trial?.id)
        machine.send(.opened(trial))
        var happened = machine.run(for: 29.5)
        #expect(!happened.contains { if case .close = $0.action { true } else { false } })
        #expect(machine.machine.status == .live(.longPolling))
        happened = machine.run(for: 1)
        #expect(happened.contains { if case .close(loop, 3000, _) = $0.action { true } else { false } })
        #expect(machine.machine.serving?.id == trial)
        #expect(machine.machine.status == .live(.webSocket))
        // Audited like any new connection.
        #expect(machine.run(for: 40).contains { $0.action.auditID != nil })
    }

    @Test("When the poll loop breaks while a trial is up, the trial serves")
    func loopBreaks() throws {
        var machine = try blocked { $0.webSocketTrialIfNeverWorked = 60 }
        let loop = try #require(machine.machine.serving?.id)
        _ = opening(&machine, within: 70)
        let trial = try #require(machine.machine.trial?.id)
        machine.send(.opened(trial))
        machine.run(for: 6)
        machine.send(.ended(loop, lost))
        #expect(machine.machine.serving?.id == trial)
        #expect(machine.machine.status == .live(.webSocket))
    }

    @Test("If neither works they are tried in turn, on the schedule")
    func alternates() throws {
        var machine = machine()
        machine.send(.start)
        machine.send(.configured(offered, skew: 0))
        _ = try fail(&machine, 1006, times: 4)
        let ways = try fail(&machine, 1006, times: 6)
        #expect(ways.map(\.0) == [.webSocket, .longPolling, .webSocket, .longPolling, .webSocket, .longPolling])
        #expect(ways.allSatisfy { $0.1 >= 600 })
    }

    @Test("New channels end a trial, and it is made again for them")
    func rotation() throws {
        var machine = try blocked { $0.webSocketTrialIfNeverWorked = 60 }
        _ = opening(&machine, within: 70)
        let trial = try #require(machine.machine.trial?.id)
        let new = configuration("1", end: 1_900_000_000)
        machine.answer = new
        machine.send(.configured(new, skew: 0))
        #expect(machine.closed == [trial])
        let successor = try #require(machine.machine.successor)
        #expect(successor.transport == .longPolling)
        machine.send(.proven(successor.id))
        #expect(opening(&machine, within: 130)?.transport == .webSocket)
        #expect(machine.machine.trial?.configuration.makesSameConnections(as: new) == true)
    }

    @Test("1009: long polling with an alarm, and WebSocket not sooner than on trial; never in a fast loop")
    func tooLarge() throws {
        var machine = machine()
        let link = try machine.live(offered)
        machine.run(for: 60)
        machine.send(.ended(link, end(1009)))
        let isAlarm = machine.last.contains {
            if case .note(.lost(_, _, let alarm?)) = $0 { !alarm.isEmpty } else { false }
        }
        #expect(isAlarm)
        #expect(opening(&machine, within: 20)?.transport == .longPolling)
        machine.send(.proven(try #require(machine.machine.serving?.id)))
        let trial = try #require(opening(&machine, within: 2000))
        #expect(trial.transport == .webSocket && trial.at > 590)
    }
}
