import PullProtocol
import Secrets
import Testing
import Timing

@testable import Subscription

@Suite struct RefreshTests {
    private static let start = 1_700_000_000.0

    @Test("The configuration is asked for before the earliest end, and once more 2 to 10 s after it")
    func aroundTheEnd() {
        var machine = Machine { $0.regularRefresh = 1_000_000 }
        let end = Int64(Self.start) + 3600
        _ = machine.goLive(configuration(end: end))
        let before = machine.run(for: 3590).filter { $0.action.isFetch }
        #expect(before.count == 1)
        #expect((3000.0...3150.1).contains(before[0].at))
        machine.send(.configured(configuration(end: end), skew: 0))
        let after = machine.run(for: 30).filter { $0.action.isFetch }
        #expect(after.count == 1)
        #expect((12.0...20.1).contains(after[0].at))
    }

    @Test("The configuration is asked for after an end that a wrong clock has taken for past")
    func endTakenForPast() throws {
        var machine = Machine { $0.regularRefresh = 1_000_000 }
        let current = configuration(end: Int64(Self.start) + 3600)
        _ = try machine.live(current)
        machine.hears = true
        machine.run(for: 60)
        machine.now.wall += 7200
        machine.send(.tick)
        #expect(machine.fetches)
        machine.send(.configured(current, skew: -7200))
        let before = try #require(machine.run(for: 3200).first { $0.action.isFetch })
        #expect((2940.0...3090.1).contains(before.at))
        machine.send(.configured(current, skew: -7200))
        let after = try #require(machine.run(for: 600).first { $0.action.isFetch })
        #expect((342.0...350.1).contains(after.at))
    }

    @Test("What is planned by a portal's time that proves wrong does not put off the request after the end")
    func planOfWrongTime() throws {
        var machine = Machine {
            $0.regularRefresh = 1_000_000
            $0.refreshMargin = 0
        }
        let current = configuration(end: Int64(Self.start) + 3600)
        _ = try machine.live(current)
        machine.send(.configured(current, skew: 7200))
        machine.send(.configured(current, skew: 0))
        let planned = try #require(machine.machine.afterEndAt)
        #expect((Self.start + 3602...Self.start + 3610).contains(planned))
    }

    @Test("While the ids stay the old ones after the end, the question is repeated after 5, 10, 30 and then 60 s")
    func lateRotation() {
        var machine = Machine { $0.regularRefresh = 1_000_000 }
        let end = Int64(Self.start) + 700
        _ = machine.goLive(configuration(end: end))
        var waits: [Double] = []
        for _ in 0..<8 {
            guard let fetch = machine.run(for: 800).first(where: { $0.action.isFetch }) else { break }
            waits.append(fetch.at)
            // Back to the moment of the request: what ran afterwards is the test's own waiting.
            machine.now = Moment(
                monotonic: machine.now.monotonic - .seconds(800 - fetch.at), wall: machine.now.wall - (800 - fetch.at))
            machine.send(.configured(configuration(end: end), skew: 0))
        }
        #expect(waits.count == 8)
        #expect(waits[2...4].map { $0.rounded() } == [5, 10, 30], "\(waits)")
        #expect(waits[5...].allSatisfy { (59.9...61).contains($0) }, "\(waits)")
    }

    @Test("A margin longer than the channels live leads to no further request before the end")
    func shortLife() {
        var machine = Machine()
        _ = machine.goLive(configuration(end: Int64(Self.start) + 20))
        let fetches = machine.run(for: 19).filter { $0.action.isFetch }
        #expect(fetches.isEmpty)
    }

    @Test("The portal's clock decides when a channel ends")
    func skew() throws {
        var machine = Machine { $0.refreshMargin = 100 }
        machine.send(.start)
        machine.send(.configured(configuration(end: Int64(Self.start) + 3600), skew: 1000))
        let first = machine.run(for: 3600).first { $0.action.isFetch }
        #expect((2500.0...2525.1).contains(try #require(first).at))
    }

    @Test("V1: channel_expire of an id in use asks anew after 0.5 to 3 s and leaves the connection alone")
    func channelExpire() throws {
        var machine = Machine()
        _ = machine.goLive(configuration("1"))
        machine.pass(60)
        let id = Secret(String(repeating: "1", count: 31) + "a")
        machine.send(.command(.channelExpire(id: id)))
        #expect(machine.closed.isEmpty)
        let fetch = try #require(machine.run(for: 5).first { $0.action.isFetch })
        #expect((0.5...3.01).contains(fetch.at))
    }

    @Test("A channel_expire that comes while the answer with the new ids is under way asks no second time")
    func expireDuringFetch() throws {
        var machine = Machine { $0.regularRefresh = 1_000_000 }
        _ = machine.goLive(configuration("1"))
        machine.pass(60)
        machine.send(.command(.channelExpire(id: Secret(String(repeating: "1", count: 31) + "a"))))
        #expect(machine.run(for: 5).contains { $0.action.isFetch })
        machine.send(.command(.channelExpire(id: Secret(String(repeating: "1", count: 31) + "b"))))
        machine.send(.configured(configuration("2"), skew: 0))
        #expect(!machine.run(for: 600).contains { $0.action.isFetch })
    }

    @Test("V4: an id that was never ours leads to at most one request a minute")
    func foreignExpire() {
        var machine = Machine { $0.regularRefresh = 1_000_000 }
        _ = machine.goLive(configuration("1"))
        machine.pass(120)
        var fetches = 0
        for _ in 0..<300 {
            machine.send(.command(.channelExpire(id: Secret(String(repeating: "9", count: 32)))))
            let happened = machine.run(for: 1)
            if happened.contains(where: { $0.action.isFetch }) {
                fetches += 1
                machine.send(.configured(configuration("1"), skew: 0))
            }
        }
        #expect((1...6).contains(fetches), "\(fetches) in five minutes")
    }

    @Test("V5, V6: config_expire and server_restart wait 10 to 120 s, and a second one does not restart the wait")
    func broadcast() throws {
        for seed in UInt64(1)...20 {
            var machine = Machine(seed: seed)
            _ = machine.goLive(configuration())
            machine.pass(60)
            machine.send(.command(.configExpire))
            let planned = try #require(machine.machine.fetchAt)
            let wait = (planned - machine.now.monotonic).inSeconds
            #expect((10...120).contains(wait))
            machine.pass(1)
            machine.send(.command(.serverRestart))
            #expect(machine.machine.fetchAt == planned)
        }
    }

    @Test("Failures of REST are repeated on their own schedule, and fatal ones after the time they name")
    func restFailures() throws {
        var machine = Machine()
        machine.send(.start)
        var waits: [Double] = []
        for _ in 0..<4 {
            machine.send(.configurationFailed(ConfigurationFailure(message: "dns", cure: "", retry: .schedule(.rest))))
            let fetch = try #require(machine.run(for: 20).first { $0.action.isFetch })
            waits.append(fetch.at)
        }
        for (wait, step) in zip(waits, [1.0, 2, 4, 8]) { #expect((step * 0.89...step * 1.11).contains(wait)) }
        machine.send(
            .configurationFailed(ConfigurationFailure(message: "fatal", cure: "", retry: .after(seconds: 3600))))
        let fetch = try #require(machine.run(for: 4000).first { $0.action.isFetch })
        #expect(fetch.at >= 3600)
    }

    @Test("Too many requests and the portal's own faults have schedules of their own")
    func otherSchedules() throws {
        let steps: [(RESTPolicy.Schedule, [Double])] = [(.queryLimit, [1, 10, 20]), (.serverFault, [5, 10, 20])]
        for (schedule, waits) in steps {
            var machine = Machine()
            machine.send(.start)
            for wait in waits {
                machine.send(
                    .configurationFailed(ConfigurationFailure(message: "m", cure: "", retry: .schedule(schedule))))
                let fetch = try #require(machine.run(for: 60).first { $0.action.isFetch })
                #expect((wait...wait * 1.21).contains(fetch.at))
            }
        }
    }

    @Test("No reason brings a request before the wait that a failure demands")
    func failureBindsAll() throws {
        var machine = Machine { $0.regularRefresh = 1_000_000 }
        let link = try machine.live(configuration("1"))
        machine.pass(60)
        machine.send(.command(.channelExpire(id: nil)))
        #expect(machine.run(for: 5).contains { $0.action.isFetch })
        machine.send(
            .configurationFailed(ConfigurationFailure(message: "fatal", cure: "", retry: .after(seconds: 3600))))
        machine.send(.command(.channelExpire(id: Secret(String(repeating: "1", count: 31) + "a"))))
        machine.send(.command(.configExpire))
        machine.send(.ended(link, LinkEnd(.closed(code: 4010, reason: ""), cause: "refused")))
        let happened = machine.run(for: 3590)
        #expect(!happened.contains { $0.action.isFetch })
        // The old ids are tried meanwhile.
        #expect(happened.contains { $0.action.openedLink != nil && $0.at < 40 })
        #expect(machine.run(for: 400).contains { $0.action.isFetch })
    }

    @Test("Answers that each name another end in the past do not follow one upon another")
    func pastEnds() {
        var machine = Machine { $0.regularRefresh = 1_000_000 }
        _ = machine.goLive(configuration("1"))
        machine.pass(60)
        var fetches = 0
        machine.send(.configured(configuration("1", end: Int64(machine.now.wall) - 10), skew: 0))
        for _ in 0..<600 {
            machine.send(.tick)
            if machine.fetches {
                fetches += 1
                machine.send(.configured(configuration("1", end: Int64(machine.now.wall) - 10), skew: 0))
            }
            machine.pass(1)
        }
        #expect((5...14).contains(fetches), "\(fetches) in ten minutes")
    }

    @Test("While a request is under way there is nothing to wake for but the connections")
    func quietDuringFetch() throws {
        var machine = Machine { $0.transport = .longPollingOnly }
        let link = try machine.live(configuration("1"))
        machine.pass(60)
        machine.send(.command(.channelExpire(id: nil)))
        #expect(machine.run(for: 5).contains { $0.action.isFetch })
        machine.send(.ended(link, lost))
        machine.pass(60)
        machine.send(.tick)
        #expect(machine.machine.deadline(at: machine.now) == nil)
    }

    @Test("The position is held from a channel's end until its successor's connection is proven and it is drained")
    func heldPosition() throws {
        var machine = Machine { $0.transport = .longPollingOnly }
        let end = Int64(Self.start) + 3600
        _ = machine.goLive(configuration("1", end: end))
        machine.answer = configuration("1", end: end)
        let passed = machine.run(for: 3620)
        #expect(passed.contains { if case .holdPosition = $0.action { true } else { false } })
        machine.answer = nil
        machine.send(.configured(configuration("2", end: end + 7200), skew: 0))
        let isRelease = { (action: SessionAction) in if case .releasePosition = action { true } else { false } }
        #expect(!machine.last.contains(where: isRelease))
        machine.send(.proven(try #require(machine.opened.first)))
        #expect(!machine.last.contains(where: isRelease))
        let audit = try machine.audit(of: "1", within: 130)
        machine.send(.audited(audit.id, .complete))
        #expect(machine.last.contains(where: isRelease))
    }
}
