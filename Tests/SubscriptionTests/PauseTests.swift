import Events
import PullProtocol
import Secrets
import Testing

@testable import Subscription

/// Channels that may have come and gone unknown.
@Suite struct PauseTests {
    /// All lives are as long as this, seconds.
    private static let life: Int64 = 10_000
    private let both = [ChannelKind.private, .shared].map { SessionGap(reason: .formerChannels, channel: $0) }

    private func channels(_ name: Character, start: Int64) -> PullConfiguration {
        var result = configuration(name, end: start + Self.life)
        result.channels = result.channels.map {
            Channel(kind: $0.kind, id: $0.id, start: start, end: start + Self.life)
        }
        return result
    }

    /// Away since before the end of "1", and back on "2", which began a while after that end.
    private func back(after pause: Int64) throws -> (machine: Machine, ended: Int64) {
        var machine = Machine { $0.regularRefresh = 1_000_000 }
        let ended = Int64(machine.now.wall) - pause - 100
        machine.send(.restored(former: [channels("1", start: ended - Self.life)], lastContact: Double(ended)))
        machine.send(.start)
        machine.send(.configured(channels("2", start: ended + pause), skew: 0))
        machine.send(.proven(try #require(machine.opened.first)))
        return (machine, ended)
    }

    private func tell(_ machine: inout Machine, _ name: Character = "1", at time: Int64) {
        for letter in ["a", "b"] {
            let id = Secret(String(repeating: name, count: 31) + letter)
            machine.send(.command(.channelExpire(id: id, sentAt: time)))
        }
    }

    @Test(
        "Channels that may have come and gone while nobody was there are a gap, once all that could tell has been read",
        arguments: [(9_999, false), (10_000, true)])
    func untold(pause: Int64, isGap: Bool) throws {
        var (machine, _) = try back(after: pause)
        machine.hears = true
        machine.run(for: 100)
        #expect(machine.gaps.isEmpty)
        machine.run(for: 100)
        #expect(machine.machine.formers.isEmpty)
        #expect(machine.gaps == (isGap ? both : []))
    }

    @Test("A channel that was replaced long before the next known one began was replaced by another: a gap, at once")
    func another() throws {
        var (machine, ended) = try back(after: 12_000)
        tell(&machine, at: ended)
        #expect(machine.gaps == both)
        machine.hears = true
        machine.run(for: 300)
        #expect(machine.gaps == both)
    }

    @Test("A channel that nobody used after its end until the next known one began was replaced by that: no gap")
    func noOther() throws {
        for late in [-2, 0, 3] {
            var (machine, ended) = try back(after: 12_000)
            tell(&machine, at: ended + 12_000 + Int64(late))
            machine.hears = true
            machine.run(for: 300)
            #expect(machine.machine.formers.isEmpty)
            #expect(machine.gaps.isEmpty)
        }
    }

    @Test("Of several times the first counts, whichever comes first; one of long after is believed no more than none")
    func several() throws {
        for times in [[0, 12_000], [12_000, 0], [20_000]] {
            var (machine, ended) = try back(after: 12_000)
            for time in times { tell(&machine, at: ended + Int64(time)) }
            machine.hears = true
            machine.run(for: 300)
            #expect(machine.gaps == both, "\(times)")
        }
    }

    @Test("It is the same where a running session learns of the change too late, told before or after it")
    func live() throws {
        for (isToldBefore, told, isGap) in [
            (true, 0, true), (true, 11_000, false), (false, 0, true), (false, 11_000, false),
        ] {
            var machine = Machine { $0.regularRefresh = 1_000_000 }
            let end = Int64(machine.now.wall) + 100
            _ = try machine.live(channels("1", start: end - Self.life))
            machine.hears = true
            machine.run(for: 11_100)
            if isToldBefore { tell(&machine, at: end + Int64(told)) }
            machine.send(.configured(channels("2", start: end + 11_000), skew: 0))
            machine.send(.proven(try #require(machine.opened.first)))
            if !isToldBefore { tell(&machine, at: end + Int64(told)) }
            machine.run(for: 300)
            #expect(machine.machine.formers.isEmpty)
            #expect(machine.gaps == (isGap ? both : []), "\(isToldBefore) \(told)")
        }
    }

    @Test("A pause that was not decided when the session ended is decided by the next")
    func restarted() throws {
        var machine = Machine { $0.regularRefresh = 1_000_000 }
        let end = Int64(machine.now.wall) - 13_000
        let sets = [channels("1", start: end - Self.life), channels("2", start: end + 12_000)]
        machine.send(.restored(former: sets, lastContact: machine.now.wall - 10))
        machine.send(.start)
        machine.send(.configured(sets[1], skew: 0))
        machine.send(.proven(try #require(machine.opened.first)))
        machine.hears = true
        machine.run(for: 300)
        #expect(machine.gaps == both)
    }

    @Test("Channels of which more is known than their ends: those in use still, those without a beginning")
    func noPause() throws {
        let old = channels("1", start: 0)
        let channel = old.channels[0]
        #expect(SessionMachine.Pause(after: channel, in: [channels("2", start: 20_000)]) != nil)
        #expect(SessionMachine.Pause(after: channel, in: [channels("2", start: 20_000), old]) == nil)
        #expect(
            SessionMachine.Pause(after: channel, in: [channels("2", start: 15_000), channels("3", start: 30_000)])
                == nil)
        #expect(SessionMachine.Pause(after: channel, in: [configuration("2")]) == nil)
        #expect(SessionMachine.Pause(after: channel, in: []) == nil)
    }

    @Test("What is told of channels that are not ours, or no more, is not kept")
    func bounded() throws {
        var machine = Machine { $0.regularRefresh = 1_000_000 }
        _ = try machine.live(configuration("1"))
        for name in "3456789" { tell(&machine, name, at: 7) }
        #expect(machine.machine.replacements.isEmpty)
        tell(&machine, at: 7)
        #expect(machine.machine.replacements.count == 2)
        machine.send(.configured(configuration("2"), skew: 0))
        machine.send(.proven(try #require(machine.opened.first)))
        machine.hears = true
        machine.run(for: 300)
        machine.send(.configured(configuration("3"), skew: 0))
        #expect(machine.machine.replacements.isEmpty)
    }
}
