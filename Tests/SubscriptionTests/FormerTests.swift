import Events
import PullProtocol
import Testing
import Timing

@testable import Subscription

@Suite struct FormerTests {
    private func closed(_ code: Int) -> LinkEnd { LinkEnd(.closed(code: code, reason: ""), cause: "\(code)") }
    private let refused = AuditOutcome.refused(refusal(4010))

    /// Live on "1", cut, and live again on "2".
    private func replacedDuringOutage() throws -> Machine {
        var machine = Machine { $0.regularRefresh = 1_000_000 }
        let old = try machine.live(configuration("1"))
        machine.pass(60)
        machine.send(.ended(old, closed(4010)))
        #expect(machine.run(for: 40).contains { $0.action.isFetch })
        machine.send(.configured(configuration("2"), skew: 0))
        machine.send(.proven(try #require(machine.opened.first)))
        return machine
    }

    @Test("Channels replaced during an outage are asked for at once and when they have settled; the position waits")
    func fetched() throws {
        var machine = try replacedDuringOutage()
        #expect(machine.machine.holdsPosition)
        let first = try machine.audit(of: "1", within: 4)
        machine.send(.audited(first.id, .complete))
        #expect(machine.machine.holdsPosition)
        let last = try machine.audit(of: "1", within: 130)
        #expect(first.at + last.at >= 118)
        machine.send(.audited(last.id, .complete))
        #expect(!machine.machine.holdsPosition)
        #expect(machine.machine.formers.isEmpty)
        #expect(machine.nextAudit(of: "1", within: 700) == nil)
    }

    @Test("Former channels that are refused are asked for after growing pauses, given up after ten times, as a gap")
    func refusedForGood() throws {
        var machine = try replacedDuringOutage()
        var waits: [Double] = []
        while let audit = machine.nextAudit(of: "1", within: 800), waits.count < 50 {
            waits.append(audit.at)
            machine.send(.audited(audit.id, refused))
        }
        #expect(waits.count == 10)
        #expect(zip(waits.dropFirst(2), waits.dropFirst(3)).allSatisfy { $0 < $1 * 1.2 })
        #expect(!machine.machine.holdsPosition)
        #expect(machine.gaps == [SessionGap(reason: .formerChannels, channel: .unknown)])
    }

    @Test("Ids that are only signed anew leave no gap when the old signature is refused")
    func signedAnew() throws {
        var machine = Machine { $0.regularRefresh = 1_000_000 }
        _ = try machine.live(configuration("1"))
        machine.pass(60)
        var anew = configuration("1")
        anew.channels = anew.channels.compactMap { channel in
            ChannelID(channel.id.secret.exposed.prefix(32) + ".abcdef").map {
                Channel(kind: channel.kind, id: $0, end: channel.end)
            }
        }
        machine.send(.configured(anew, skew: 0))
        machine.send(.proven(try #require(machine.opened.first)))
        for _ in 0..<20 {
            guard let audit = machine.nextAudit(of: "1", within: 1000) else { break }
            machine.send(.audited(audit.id, refused))
        }
        #expect(machine.machine.formers.isEmpty)
        #expect(machine.gaps.isEmpty)
    }

    @Test("The old connection stays for the overlap and is closed when the last audit has been complete")
    func lastAudit() throws {
        var machine = Machine { $0.regularRefresh = 1_000_000 }
        let old = try machine.live(configuration("1"))
        machine.pass(60)
        machine.send(.configured(configuration("2"), skew: 0))
        machine.send(.proven(try #require(machine.opened.first)))
        let audit = try machine.audit(of: "1", within: 130)
        #expect((119.9...121).contains(audit.at))
        #expect(machine.machine.retiring.map(\.id) == [old])
        machine.send(.audited(audit.id, .complete))
        #expect(machine.closed == [old])
        #expect(!machine.machine.holdsPosition)
    }

    @Test(
        "A last audit that fails is made once more, then the connection is closed and the channels stay to be fetched")
    func lastAuditFails() throws {
        var machine = Machine { $0.regularRefresh = 1_000_000 }
        let old = try machine.live(configuration("1"))
        machine.send(.configured(configuration("2"), skew: 0))
        machine.send(.proven(try #require(machine.opened.first)))
        let first = try machine.audit(of: "1", within: 130)
        machine.send(.audited(first.id, .failed))
        #expect(machine.closed.isEmpty)
        let second = try machine.audit(of: "1", within: 7)
        machine.send(.audited(second.id, .failed))
        #expect(machine.closed == [old])
        #expect(machine.machine.holdsPosition)
        let third = try machine.audit(of: "1", within: 200)
        machine.send(.audited(third.id, .complete))
        #expect(!machine.machine.holdsPosition)
    }

    @Test("An old connection is closed after twice the overlap, whatever keeps the last audit from being made")
    func noLastAudit() throws {
        var machine = Machine { $0.regularRefresh = 1_000_000 }
        let old = try machine.live(configuration("1"))
        machine.send(.configured(configuration("2"), skew: 0))
        let new = try #require(machine.opened.first)
        machine.send(.proven(new))
        machine.send(.ended(new, lost))
        machine.hears = true
        let happened = machine.run(for: 241)
        #expect(happened.contains { if case .close(old, 3000, _) = $0.action { true } else { false } })
        #expect(machine.machine.formers.count == 1)
    }

    @Test("Old channels whose answer was too full are asked each by itself, but for those still in use")
    func cut() throws {
        var machine = try replacedDuringOutage()
        let all = try machine.audit(of: "1", within: 4)
        machine.send(.audited(all.id, .cut))
        for channel in 0..<2 {
            guard case .audit(let id, _, let index, _) = machine.last.last(where: { $0.auditID != nil }) else {
                Issue.record("channel \(channel) is not asked for")
                return
            }
            #expect(index == channel)
            machine.send(.audited(id, channel == 0 ? .complete : .gap(lowest: nil)))
        }
        #expect(machine.gaps == [SessionGap(reason: .historyLimit, channel: .shared)])
        #expect(machine.machine.formers.count == 1)
    }

    // MARK: Earlier runs

    @Test("Sets of an earlier run that differ from the first answer are fetched; those that ended a day ago are not")
    func restored() throws {
        var machine = Machine { $0.regularRefresh = 1_000_000 }
        let now = Int64(machine.now.wall)
        let former = [
            configuration("1", end: now - 90_000), configuration("2", end: now - 50_000),
            configuration("3", end: now + 100),
        ]
        machine.send(.restored(former: former, lastContact: machine.now.wall - 100))
        machine.send(.start)
        machine.send(.configured(configuration("3", end: now + 100), skew: 0))
        #expect(machine.machine.formers.map { $0.configuration.channels[0].end } == [now - 50_000])
        machine.send(.proven(try #require(machine.opened.first)))
        let audit = try machine.audit(of: "2", within: 4)
        machine.send(.audited(audit.id, .complete))
        #expect(machine.gaps == [SessionGap(reason: .retention, channel: .unknown)])
    }

    @Test("The sets that a next run has to know of are told at the first proven connection and with each change")
    func remembered() throws {
        var machine = Machine { $0.regularRefresh = 1_000_000 }
        func remembered() -> [(PullConfiguration, [PullConfiguration])] {
            machine.last.compactMap {
                if case .remember(let current, let former) = $0 { (current, former) } else { nil }
            }
        }
        machine.send(.start)
        machine.send(.configured(configuration("1"), skew: 0))
        #expect(remembered().isEmpty)
        machine.send(.proven(try #require(machine.opened.first)))
        #expect(remembered().map(\.1.count) == [0])
        machine.send(.configured(configuration("1"), skew: 0))
        #expect(remembered().isEmpty)
        machine.send(.configured(configuration("2"), skew: 0))
        #expect(remembered().first?.1.map { $0.makesSameConnections(as: configuration("1")) } == [true])
        machine.send(.proven(try #require(machine.opened.first)))
        let audit = try machine.audit(of: "1", within: 130)
        machine.send(.audited(audit.id, .complete))
        #expect(remembered().map(\.1.count) == [0])
        machine.send(.configured(configuration("2", end: 1_700_099_999), skew: 0))
        #expect(remembered().map(\.0.earliestEnd) == [1_700_099_999])
    }

    @Test("Of sixty-five sets the oldest is given up, and that is a gap")
    func tooMany() throws {
        var machine = Machine { $0.regularRefresh = 1_000_000 }
        let link = try machine.live(configuration("0"))
        machine.send(.ended(link, lost))
        for name in UInt8(1)...65 {
            // Beyond ASCII: ids may hold all of these.
            machine.send(.configured(configuration(Character(UnicodeScalar(0xB0 + name))), skew: 0))
        }
        #expect(machine.machine.formers.count == 64)
        #expect(machine.gaps == [SessionGap(reason: .formerChannels, channel: .unknown)])
    }

    // MARK: Away for long

    @Test("Away for longer than servers keep messages: one gap record, after the first proven connection")
    func retention() throws {
        for (away, isGap) in [(86_500.0, true), (86_300, false)] {
            var machine = Machine()
            machine.send(.restored(former: [configuration()], lastContact: machine.now.wall - away))
            machine.send(.start)
            machine.send(.configured(configuration(), skew: 0))
            #expect(machine.gaps.isEmpty)
            let link = try #require(machine.opened.first)
            for _ in 0..<3 { machine.send(.proven(link)) }
            #expect(machine.gaps == (isGap ? [SessionGap(reason: .retention, channel: .unknown)] : []))
        }
    }

    @Test("The same after an outage within one run, and after a sleep")
    func longOutage() throws {
        var machine = Machine()
        let link = try machine.live(configuration())
        machine.pass(100)
        machine.send(.activity(link, lastBytesAt: machine.now.monotonic - .seconds(10), serverPings: 0))
        machine.now.wall += 90_000
        machine.send(.activity(link, lastBytesAt: machine.now.monotonic, serverPings: 0))
        machine.send(.tick)
        machine.send(.configured(configuration(end: Int64(machine.now.wall) + 40_000), skew: 0))
        machine.send(.ended(link, lost))
        let next = try #require(machine.run(for: 20).compactMap { $0.action.openedLink }.first)
        machine.send(.proven(next))
        #expect(machine.gaps == [SessionGap(reason: .retention, channel: .unknown)])
    }
}
