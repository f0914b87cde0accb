import PullProtocol
import Testing
import Timing

@testable import Subscription

@Suite struct RotationTests {
    @Test("The new connection comes up beside the old one, which goes 120 s and an audit after the new one is proven")
    func overlap() throws {
        var machine = Machine { $0.regularRefresh = 1_000_000 }
        let old = try machine.live(configuration("1"))
        machine.pass(60)
        machine.send(.configured(configuration("2"), skew: 0))
        let new = try #require(machine.opened.first)
        #expect(machine.closed.isEmpty)
        machine.send(.opened(new))
        machine.send(.proven(new))
        #expect(machine.closed.isEmpty)
        machine.hears = true
        machine.run(for: 119)
        #expect(machine.machine.retiring.count == 1)
        let end = machine.run(for: 2)
        #expect(end.contains { if case .close(old, 3000, _) = $0.action { true } else { false } })
        #expect(machine.machine.serving?.id == new)
    }

    @Test("An unchanged configuration opens nothing")
    func unchanged() {
        var machine = Machine()
        _ = machine.goLive(configuration("1"))
        machine.send(.configured(configuration("1"), skew: 0))
        #expect(machine.opened.isEmpty)
    }

    @Test("The old connection's end during the overlap, or its refusal, starts nothing")
    func retiringEnds() throws {
        var machine = Machine()
        let old = try machine.live(configuration("1"))
        machine.send(.configured(configuration("2"), skew: 0))
        let new = try #require(machine.opened.first)
        machine.send(.proven(new))
        machine.send(.ended(old, LinkEnd(.closed(code: 4010, reason: ""), cause: "gone")))
        #expect(machine.opened.isEmpty && !machine.fetches)
        #expect(machine.machine.status == .live(.webSocket))
    }

    @Test("When the old connection breaks first, the successor takes its place without a second attempt")
    func oldBreaksFirst() throws {
        var machine = Machine()
        let old = try machine.live(configuration("1"))
        machine.send(.configured(configuration("2"), skew: 0))
        let new = try #require(machine.opened.first)
        machine.send(.ended(old, lost))
        #expect(machine.opened.isEmpty)
        #expect(machine.machine.serving?.id == new)
        #expect(machine.machine.status == .waiting(lost.cause))
        machine.send(.opened(new))
        machine.send(.proven(new))
        #expect(machine.machine.status == .live(.webSocket))
    }

    @Test("An old connection that is still coming up is closed at the end of the overlap all the same")
    func retiresUnopened() throws {
        var machine = Machine { $0.regularRefresh = 1_000_000 }
        machine.send(.start)
        machine.send(.configured(configuration("1"), skew: 0))
        machine.send(.configured(configuration("2"), skew: 0))
        machine.send(.proven(try #require(machine.opened.first)))
        _ = machine.run(for: 121)
        #expect(machine.machine.retiring.isEmpty)
    }

    @Test("A successor that fails is tried again on the schedule while the old connection goes on")
    func successorFails() throws {
        var machine = Machine()
        let old = try machine.live(configuration("1"))
        machine.pass(60)
        machine.send(.configured(configuration("2"), skew: 0))
        let new = try #require(machine.opened.first)
        machine.send(.ended(new, lost))
        #expect(machine.machine.serving?.id == old)
        #expect(machine.machine.status == .live(.webSocket))
        let again = machine.run(for: 20).first { $0.action.openedLink != nil }
        #expect(again != nil)
    }

    @Test("Any input in any order leaves the machine with something to wait for, and never two serving connections")
    func anyOrder() {
        for seed in UInt64(1)...2_000 {
            var random = SeededRandom(seed: seed)
            var machine = Machine(seed: seed)
            machine.send(.start)
            var links: [LinkID] = []
            for _ in 0..<60 {
                links += machine.opened
                let link = links.randomElement(using: &random) ?? LinkID(number: 77)
                let name = "0123".randomElement(using: &random) ?? "0"
                let end = Int64(machine.now.wall) + Int64.random(in: -50...5000, using: &random)
                let inputs: [SessionInput] = [
                    .configured(configuration(name, end: end), skew: 0), .opened(link), .proven(link),
                    .configurationFailed(ConfigurationFailure(message: "m", cure: "", retry: .schedule(.rest))),
                    .ended(link, lost), .command(.configExpire), .command(.channelExpire(id: nil)), .tick,
                    .ended(link, LinkEnd(.closed(code: 4010, reason: ""), cause: "c")),
                    .activity(link, lastBytesAt: machine.now.monotonic, serverPings: 0),
                ]
                machine.send(inputs.randomElement(using: &random) ?? .tick)
                links += machine.opened
                machine.pass(Double.random(in: 0...90, using: &random))
                let state = machine.machine
                let isBusy = state.isFetching || !state.links.isEmpty
                #expect(isBusy || state.deadline(at: machine.now) != nil, "seed \(seed): nothing to wait for")
                #expect(Set(state.links.map(\.id)).count == state.links.count, "seed \(seed)")
            }
        }
    }
}
