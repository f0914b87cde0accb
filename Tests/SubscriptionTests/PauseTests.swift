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

    // MARK: Restarts

    /// The next run after `before`, which has left what it stored last, with `present`.
    private func restarted(_ before: Machine, _ present: PullConfiguration) throws -> Machine {
        let last = before.all.compactMap { action -> [PullConfiguration]? in
            if case .remember(let current, let former) = action { former + [current] } else { nil }
        }.last
        let stored = try #require(last).compactMap { StoredConfiguration.decode(StoredConfiguration.encode($0)) }
        var machine = Machine(seed: 2) { $0.regularRefresh = 1_000_000 }
        machine.now = before.now
        machine.send(.restored(former: stored, lastContact: machine.now.wall - 10))
        machine.send(.start)
        machine.send(.configured(present, skew: 0))
        machine.send(.proven(try #require(machine.opened.first)))
        machine.hears = true
        return machine
    }

    @Test(
        "A pause that was not decided when the session was killed is decided by the next: by what either was told, once",
        arguments: [
            (nil, nil, true), (0, nil, true), (nil, 0, true), (12_000, nil, false), (nil, 12_000, false),
            (12_000, 0, true), (0, 12_000, true), (20_000, nil, true),
        ] as [(Int64?, Int64?, Bool)])
    func restarted(toldBefore: Int64?, toldAfter: Int64?, isGap: Bool) throws {
        var (first, ended) = try back(after: 12_000)
        if let toldBefore { tell(&first, at: ended + toldBefore) }
        var second = try restarted(first, channels("2", start: ended + 12_000))
        if let toldAfter { tell(&second, at: ended + toldAfter) }
        second.run(for: 300)
        #expect(second.machine.formers.isEmpty)
        #expect(first.gaps + second.gaps == (isGap ? both : []))
        // Nothing is left to be decided.
        var third = try restarted(second, channels("2", start: ended + 12_000))
        third.run(for: 300)
        #expect(third.gaps.isEmpty)
    }

    @Test("What came between two channels is known, whatever the next run still knows of it")
    func forgottenBetween() throws {
        var (first, ended) = try back(after: 9_000)
        first.hears = true
        // Of the first channels nothing can be had for now, and the second ones are drained first.
        first.auditOutcome = nil
        let next = channels("3", start: ended + 9_000 + Self.life)
        first.send(.configured(next, skew: 0))
        first.send(.proven(try #require(first.opened.first)))
        while first.machine.formers.count > 1 {
            first.run(for: 1)
            guard let audit = first.machine.audits.running else { continue }
            let isOfFirst = audit.subject == .former(first.machine.formers[0].number)
            first.send(.audited(audit.id, isOfFirst ? .failed : .complete))
        }
        #expect(first.machine.formers[0].configuration.makesSameConnections(as: channels("1", start: 0)))
        var second = try restarted(first, next)
        second.run(for: 300)
        #expect(second.machine.formers.isEmpty)
        #expect(first.gaps + second.gaps == [])
    }

    @Test("A pause that is known to be harmless is none after an absence longer than servers keep messages either")
    func absence() throws {
        for (told, count) in [(12_000, 2), (nil, 4)] as [(Int64?, Int)] {
            var (first, ended) = try back(after: 12_000)
            if let told { tell(&first, at: ended + told) }
            first.pass(200_000)
            var second = try restarted(first, channels("3", start: Int64(first.now.wall)))
            second.run(for: 300)
            // That after the second ones, of which nothing was told, is one in any case.
            #expect(second.gaps.count { $0.reason == .formerChannels } == count)
        }
    }

    @Test(
        "Channels that were present when the session was killed, and have been replaced since, are judged by the next")
    func replacedMeanwhile() throws {
        for (told, isGap) in [(nil, true), (12_000, false), (0, true)] as [(Int64?, Bool)] {
            var first = Machine { $0.regularRefresh = 1_000_000 }
            let end = Int64(first.now.wall) + 100
            _ = try first.live(channels("1", start: end - Self.life))
            first.hears = true
            first.run(for: 12_200)
            // Told, and killed before the configuration was asked for.
            if let told { tell(&first, at: end + told) }
            var second = try restarted(first, channels("2", start: end + 12_000))
            second.run(for: 300)
            #expect(first.gaps + second.gaps == (isGap ? both : []), "\(told ?? -1)")
        }
    }

    @Test("Channels of which more is known than their ends: those in use still, those without a beginning")
    func noPause() throws {
        let old = channels("1", start: 0)
        let channel = old.channels[0]
        #expect(ChannelPause(after: channel, before: channels("2", start: 20_000)) != nil)
        #expect(ChannelPause(after: channel, before: channels("2", start: 15_000)) == nil)
        #expect(ChannelPause(after: channel, before: channels("1", start: 20_000)) == nil)
        #expect(ChannelPause(after: channel, before: configuration("2")) == nil)
        var none = channels("2", start: 20_000)
        none.channels = []
        #expect(ChannelPause(after: channel, before: none) == nil)
        #expect(ChannelPause(nextStart: .max, nextEnd: .min) == nil)
        #expect(ChannelPause(nextStart: .min, nextEnd: .max)?.isHarmless(replacedAt: .min) == true)
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
