import Events
import PullProtocol
import Testing
import Timing

@testable import Subscription

@Suite struct AuditTests {
    private func quiet(_ edit: (inout SessionRules) -> Void = { _ in }) -> Machine {
        var machine = Machine {
            $0.regularRefresh = 1_000_000
            edit(&$0)
        }
        machine.hears = true
        return machine
    }

    private func audits(_ happened: [(at: Double, action: SessionAction)]) -> [Double] {
        happened.filter { $0.action.auditID != nil }.map(\.at)
    }

    @Test("An audit follows each proven connection after 2 to 5 s and then every 300 s at the latest")
    func regular() throws {
        for seed in UInt64(1)...20 {
            var machine = Machine(seed: seed) { $0.regularRefresh = 1_000_000 }
            machine.hears = true
            _ = try machine.live(configuration())
            let times = audits(machine.run(for: 1000))
            #expect((2.0...5.01).contains(times[0]))
            #expect(zip(times, times.dropFirst()).allSatisfy { (269.9...300.1).contains($1 - $0) }, "\(times)")
            #expect(times.count >= 4)
        }
    }

    @Test("While long polling serves the loop's own next poll is the audit, every 120 s")
    func longPolling() throws {
        var machine = quiet { $0.transport = .longPollingOnly }
        let link = try machine.live(configuration())
        let happened = machine.run(for: 500)
        let times = audits(happened)
        #expect(times.count >= 5)
        #expect(zip(times, times.dropFirst()).allSatisfy { (107.9...120.1).contains($1 - $0) }, "\(times)")
        let isOwn = happened.allSatisfy { if case .audit = $0.action { false } else { true } }
        let isOfLink = happened.contains { if case .pollFromSafe(link, _) = $0.action { true } else { false } }
        #expect(isOwn && isOfLink)
    }

    @Test("A ping of the server brings an audit after 1 to 3 s, but none begins under 30 s after the one before")
    func afterPing() throws {
        var machine = quiet()
        let link = try machine.live(configuration())
        machine.run(for: 100)
        machine.send(.activity(link, lastBytesAt: machine.now.monotonic, serverPings: 1))
        var times = audits(machine.run(for: 10))
        #expect(times.count == 1 && (1.0...3.01).contains(times[0]))
        let first = machine.now.monotonic - .seconds(10 - times[0])
        machine.send(.activity(link, lastBytesAt: machine.now.monotonic, serverPings: 2))
        let begin = machine.now.monotonic
        times = audits(machine.run(for: 60))
        #expect(times.count == 1)
        #expect(abs((begin + .seconds(times[0]) - first).inSeconds - 30) < 0.1)
        // The same number again is no new ping.
        machine.send(.activity(link, lastBytesAt: machine.now.monotonic, serverPings: 2))
        #expect(audits(machine.run(for: 60)).isEmpty)
    }

    @Test("The text pings of version 5 come every few seconds and bring no audits")
    func textPings() throws {
        var machine = quiet()
        let link = try machine.live(configuration(version: 5))
        machine.run(for: 100)
        machine.send(.activity(link, lastBytesAt: machine.now.monotonic, serverPings: 7))
        #expect(audits(machine.run(for: 60)).isEmpty)
    }

    @Test("Fifty messages bring an audit, history not counted, and one at a time")
    func underLoad() throws {
        var machine = quiet()
        let link = try machine.live(configuration())
        machine.run(for: 100)
        machine.send(.received(link, count: 49, isHistory: false))
        machine.send(.received(link, count: 60, isHistory: true))
        #expect(machine.audits.isEmpty)
        machine.send(.received(link, count: 1, isHistory: false))
        #expect(machine.audits.count == 1)
        let audit = try #require(machine.audits.first)
        for _ in 0..<5 { machine.send(.received(link, count: 1000, isHistory: false)) }
        machine.auditOutcome = nil
        #expect(audits(machine.run(for: 100)).isEmpty)
        machine.send(.audited(audit, .complete))
        #expect(machine.audits.count == 1)
    }

    @Test("A complete audit confirms the position as of its beginning")
    func confirms() throws {
        var machine = quiet()
        _ = try machine.live(configuration())
        machine.auditOutcome = nil
        let begun = try #require(machine.run(for: 5.1).first { $0.action.auditID != nil })
        let id = try #require(begun.action.auditID)
        let beganAt = machine.now.monotonic - .seconds(5.1 - begun.at)
        machine.send(.audited(id, .complete))
        #expect(machine.last.compactMap(\.confirmed).map { abs(($0 - beganAt).inSeconds) < 0.001 } == [true])
        // Only once.
        #expect(machine.send(.audited(id, .complete)).isEmpty)
    }

    @Test(
        "No audit without a proven connection to the present channels, and none confirms while anything may be missing")
    func heldBack() throws {
        var machine = quiet()
        let link = try machine.live(configuration())
        machine.run(for: 100)
        machine.send(.ended(link, LinkEnd(.closed(code: 1013, reason: ""), cause: "later")))
        machine.run(for: 14)
        machine.send(.received(link, count: 1000, isHistory: false))
        #expect(machine.audits.isEmpty)

        var ending = quiet()
        _ = try ending.live(configuration(end: 1_700_000_100))
        ending.answer = configuration(end: 1_700_000_100)
        let late = ending.run(for: 800).filter { $0.at > 101 }
        #expect(!audits(late).isEmpty)
        #expect(late.allSatisfy { $0.action.confirmed == nil })
    }

    @Test("An audit without an outcome counts as failed after 150 s, and an outcome that comes later changes nothing")
    func bounded() throws {
        var machine = quiet()
        _ = try machine.live(configuration())
        machine.auditOutcome = nil
        let times = audits(machine.run(for: 1000))
        #expect(times.count >= 4)
        #expect(machine.send(.audited(AuditID(number: 1), .complete)).isEmpty)
    }

    // MARK: Ways

    @Test("Audits go by long polling, after two failures by WebSocket, after two of those by long polling again")
    func alternates() throws {
        var machine = quiet()
        _ = try machine.live(configuration())
        machine.auditOutcome = .failed
        let ways = machine.run(for: 3000).compactMap { happened -> PushTransport? in
            if case .audit(_, _, _, let transport) = happened.action { transport } else { nil }
        }
        #expect(ways.prefix(6) == [.longPolling, .longPolling, .webSocket, .webSocket, .longPolling, .longPolling])
        machine.auditOutcome = .complete
        #expect(Set(machine.run(for: 1000).compactMap { $0.action.auditWay }).count == 1)
    }

    @Test("Failed audits are repeated after growing waits, never under 30 s, never over 300 s")
    func repeats() throws {
        var machine = quiet()
        _ = try machine.live(configuration())
        machine.auditOutcome = .failed
        let times = audits(machine.run(for: 2000))
        let waits = zip(times, times.dropFirst()).map { ($1 - $0).rounded() }
        #expect(waits.prefix(4) == [30, 60, 120, 240] && waits.allSatisfy { (30...300).contains($0) }, "\(waits)")
    }

    @Test(
        "The setting is kept to; without a long polling address it is a second WebSocket",
        arguments: [
            (TransportChoice.webSocketOnly, true, PushTransport.webSocket), (.automatic, true, .longPolling),
            (.automatic, false, .webSocket),
        ])
    func ways(choice: TransportChoice, hasPolling: Bool, way: PushTransport) throws {
        var machine = quiet { $0.transport = choice }
        var offered = configuration()
        if !hasPolling { offered.longPollingURL = nil }
        _ = try machine.live(offered)
        #expect(machine.run(for: 6).compactMap { $0.action.auditWay } == [way])
        machine.auditOutcome = .failed
        if choice == .webSocketOnly || !hasPolling {
            #expect(Set(machine.run(for: 1000).compactMap { $0.action.auditWay }) == [way])
        }
    }

    @Test("K4: 4029 and 429 on an audit pause all audits for ten minutes, and say so", arguments: [4029, 429])
    func refused(code: Int) throws {
        var machine = quiet()
        _ = try machine.live(configuration())
        machine.auditOutcome = .refused(refusal(code))
        let happened = machine.run(for: 595)
        #expect(audits(happened).count == 1)
        let isSaid = happened.contains {
            if case .note(.auditsPaused(code, seconds: 600)) = $0.action { true } else { false }
        }
        #expect(isSaid)
        machine.auditOutcome = .complete
        #expect(audits(machine.run(for: 20)).count == 1)
    }

    @Test("An audit refused with 4010 asks for the configuration: the ids may be good for the open connection only")
    func refusedIDs() throws {
        var machine = quiet()
        _ = try machine.live(configuration())
        machine.auditOutcome = .refused(refusal(4010))
        let happened = machine.run(for: 60)
        #expect(happened.contains { $0.action.isFetch })
        #expect(machine.machine.status == .live(.webSocket))
    }

    // MARK: Depth

    @Test("M4: 99 messages of history are complete; 100 bring an audit of each channel at once, one after the other")
    func historyLimit() throws {
        var machine = quiet()
        let link = try machine.live(configuration())
        machine.run(for: 10)
        machine.send(.received(link, count: 99, isHistory: true))
        #expect(machine.audits.isEmpty)
        machine.send(.received(link, count: 100, isHistory: true))
        #expect(machine.last.compactMap(\.auditChannel) == [0])
        let first = try #require(machine.audits.first)
        let began = machine.now.monotonic
        machine.pass(3)
        machine.send(.audited(first, .complete))
        #expect(machine.last.compactMap(\.auditChannel) == [1])
        #expect(machine.last.allSatisfy { $0.confirmed == nil })
        machine.pass(3)
        machine.send(.audited(try #require(machine.audits.first), .complete))
        #expect(machine.last.compactMap(\.confirmed) == [began])
        #expect(machine.gaps.isEmpty)
    }

    @Test("M4: 200 over two channels, and all of the separate answer new: one gap record for each such channel")
    func gap() throws {
        var machine = quiet()
        _ = try machine.live(configuration())
        machine.auditOutcome = nil
        machine.run(for: 4)
        let all = try #require(machine.machine.audits.running)
        machine.send(.audited(all.id, .cut))
        machine.send(.audited(try #require(machine.audits.first), .gap(lowest: nil)))
        #expect(machine.gaps.isEmpty)
        machine.run(for: 1.1)
        machine.send(.audited(try #require(machine.machine.audits.running?.id), .gap(lowest: nil)))
        #expect(machine.last.compactMap(\.auditChannel) == [1])
        machine.send(.audited(try #require(machine.audits.first), .complete))
        #expect(machine.gaps == [SessionGap(reason: .historyLimit, channel: .private)])
        #expect(machine.last.contains { $0.confirmed != nil })
        machine.auditOutcome = .complete
        machine.run(for: 1000)
        #expect(machine.gaps.count == 1)
    }

    @Test("M4: the gap of a portal's only channel, and of a channel that has been replaced meanwhile, is recorded, too")
    func gapOfOne() throws {
        var machine = quiet()
        var one = configuration("1")
        one.channels.removeLast()
        let link = try machine.live(one)
        machine.auditOutcome = nil
        machine.run(for: 6)
        machine.send(.audited(try #require(machine.machine.audits.running?.id), .gap(lowest: nil)))
        #expect(machine.gaps == [SessionGap(reason: .historyLimit, channel: .private)])
        #expect(machine.machine.audits.looksCut.isEmpty)
        machine.send(.received(link, count: 100, isHistory: true))
        let audit = try #require(machine.audits.first)
        machine.send(.configured(configuration("2"), skew: 0))
        machine.send(.audited(audit, .gap(lowest: nil)))
        #expect(machine.gaps.count == 2)
    }

    @Test("A round number that was chance is no gap: once more has come, the answer reaches back")
    func roundByChance() throws {
        var machine = quiet()
        let link = try machine.live(configuration())
        machine.run(for: 10)
        machine.auditOutcome = nil
        machine.send(.received(link, count: 100, isHistory: true))
        machine.send(.audited(try #require(machine.audits.first), .gap(lowest: nil)))
        #expect(machine.audits.isEmpty)
        let again = machine.run(for: 1.1).compactMap(\.action.auditChannel)
        #expect(again == [0])
        machine.auditOutcome = .complete
        machine.run(for: 1000)
        #expect(machine.gaps.isEmpty)
    }

    @Test(
        "What looks cut and cannot be asked about again soon is a gap",
        arguments: ["replaced", "stopped", "failed", "refused"])
    func notAskedAgain(what: String) throws {
        var machine = quiet()
        let link = try machine.live(configuration())
        machine.run(for: 10)
        machine.auditOutcome = nil
        machine.send(.received(link, count: 100, isHistory: true))
        machine.send(.audited(try #require(machine.audits.first), .gap(lowest: nil)))
        machine.run(for: what == "replaced" || what == "stopped" ? 0.5 : 1.1)
        #expect(machine.gaps.isEmpty)
        switch what {
        case "replaced": machine.send(.configured(configuration("2"), skew: 0))
        case "stopped": machine.send(.stop)
        case "failed": machine.send(.audited(try #require(machine.machine.audits.running?.id), .failed))
        default: machine.send(.audited(try #require(machine.machine.audits.running?.id), .refused(refusal(4029))))
        }
        #expect(machine.gaps == [SessionGap(reason: .historyLimit, channel: .private)])
        machine.auditOutcome = .complete
        machine.hears = true
        machine.run(for: 1000)
        #expect(machine.gaps.count == 1)
    }

    @Test("What may have been cut while a channel was being asked by itself is asked for again")
    func overtaken() throws {
        var machine = quiet { $0.transport = .longPollingOnly }
        let link = try machine.live(configuration())
        machine.run(for: 10)
        machine.send(.received(link, count: 100, isHistory: false))
        let first = try #require(machine.audits.first)
        machine.send(.received(link, count: 100, isHistory: false))
        machine.send(.audited(first, .complete))
        #expect(machine.last.compactMap(\.auditChannel) == [0])
        machine.send(.audited(try #require(machine.audits.first), .complete))
        machine.send(.audited(try #require(machine.audits.first), .complete))
        #expect(machine.last.contains { $0.confirmed != nil })
    }

    @Test("Each answer of a poll loop may have been cut, not only the first")
    func busyLoop() throws {
        var machine = quiet { $0.transport = .longPollingOnly }
        let link = try machine.live(configuration())
        machine.run(for: 10)
        machine.send(.received(link, count: 100, isHistory: false))
        #expect(machine.last.compactMap(\.auditChannel) == [0])
    }

    @Test("A separate audit that fails is made again, all channels of them, and confirms only then")
    func separateFails() throws {
        var machine = quiet()
        let link = try machine.live(configuration())
        machine.run(for: 10)
        machine.send(.received(link, count: 100, isHistory: true))
        machine.send(.audited(try #require(machine.audits.first), .complete))
        machine.send(.audited(try #require(machine.audits.first), .failed))
        #expect(machine.last.allSatisfy { $0.confirmed == nil })
        let again = machine.run(for: 31)
        #expect(again.compactMap { $0.action.auditChannel } == [0, 1])
        #expect(again.contains { $0.action.confirmed != nil })
    }

    @Test("The end of the poll loop that an audit is part of ends the audit")
    func loopEnds() throws {
        var machine = quiet { $0.transport = .longPollingOnly }
        let link = try machine.live(configuration())
        machine.auditOutcome = nil
        machine.run(for: 6)
        #expect(machine.machine.audits.running?.link == link)
        machine.send(.ended(link, lost))
        #expect(machine.machine.audits.running == nil)
    }

    @Test("Switched off, nothing is asked and the position moves by time alone")
    func off() throws {
        var machine = quiet { $0.auditsAreOn = false }
        let link = try machine.live(configuration())
        let happened = machine.run(for: 1000)
        #expect(audits(happened).isEmpty)
        #expect(happened.contains { $0.action.confirmed != nil })
        #expect(machine.send(.received(link, count: 200, isHistory: true)).isEmpty)
    }
}

extension SessionAction {
    fileprivate var auditWay: PushTransport? {
        if case .audit(_, _, _, let transport) = self { transport } else { nil }
    }
    fileprivate var auditChannel: Int? {
        if case .audit(_, _, let channel, _) = self { channel } else { nil }
    }
}
