import PullProtocol
import Testing
import Timing

@testable import Subscription

@Suite struct ClockTests {
    private func pings(_ actions: [SessionAction]) -> [LinkID] {
        actions.compactMap { if case .ping(let id) = $0 { id } else { nil } }
    }

    @Test(
        "A jump of the wall clock asks for the configuration and pings the connection",
        arguments: [40.0, -40, 7200, -7200])
    func jump(seconds: Double) throws {
        var machine = Machine { $0.regularRefresh = 1_000_000 }
        let link = try machine.live(configuration())
        machine.hears = true
        machine.run(for: 60)
        machine.now.wall += seconds
        machine.send(.tick)
        #expect(pings(machine.last) == [link])
        let fetch = try #require(machine.run(for: 11).first { $0.action.isFetch })
        #expect((1.0...10.1).contains(fetch.at))
    }

    @Test("Less than 30 s are no jump, and the jumps of a mad clock are asked for once a minute at most")
    func limited() throws {
        var machine = Machine { $0.regularRefresh = 1_000_000 }
        machine.answer = configuration(end: 1_900_000_000)
        _ = try machine.live(configuration(end: 1_900_000_000))
        machine.hears = true
        machine.run(for: 60)
        machine.now.wall += 29
        machine.send(.tick)
        #expect(!machine.run(for: 60).contains { $0.action.isFetch })
        var fetches = 0
        for round in 0..<300 {
            machine.now.wall += round.isMultiple(of: 2) ? 100 : -100
            machine.send(.tick)
            fetches += machine.run(for: 2).filter { $0.action.isFetch }.count
        }
        #expect((5...16).contains(fetches), "\(fetches) in ten minutes")
    }

    @Test("A clock that is set back does not put the end of a channel off")
    func setBack() throws {
        var machine = Machine { $0.regularRefresh = 1_000_000 }
        _ = try machine.live(configuration(end: 1_700_000_000 + 900))
        machine.hears = true
        machine.run(for: 60)
        machine.now.wall -= 100_000
        machine.send(.tick)
        machine.run(for: 10)
        machine.send(.configurationFailed(ConfigurationFailure(message: "down", cure: "", retry: .schedule(.rest))))
        let portal = machine.machine.portalTime(at: machine.now)
        #expect(abs(portal - 1_700_000_070) < 1)
        #expect(machine.machine.holdsPosition)
    }

    @Test("After a jump the position waits for the portal to tell its time")
    func doubt() throws {
        var machine = Machine { $0.regularRefresh = 1_000_000 }
        _ = try machine.live(configuration())
        machine.hears = true
        machine.run(for: 60)
        #expect(!machine.machine.holdsPosition)
        machine.now.wall += 50
        machine.send(.tick)
        #expect(machine.last.contains { if case .holdPosition = $0 { true } else { false } })
        machine.run(for: 20)
        machine.send(.configured(configuration(), skew: 0))
        #expect(machine.last.contains { if case .releasePosition = $0 { true } else { false } })
    }

    @Test("After a sleep a dead connection is given up after the wait for the pong")
    func sleep() throws {
        var machine = Machine { $0.regularRefresh = 1_000_000 }
        let link = try machine.live(configuration())
        machine.pass(20)
        machine.send(.activity(link, lastBytesAt: machine.now.monotonic, serverPings: 0))
        machine.now.wall += 3600
        machine.send(.tick)
        let close = try #require(
            machine.run(for: 20).first { if case .close(link, 3005, _) = $0.action { true } else { false } })
        #expect((14.9...15.1).contains(close.at))
    }

    @Test("K9: 119 s of answered pings are no reason to close; without any frame the limit of version 4 is 300 s")
    func idleVersion4() throws {
        var machine = Machine {
            $0.pingInterval = .seconds(100_000)
            $0.regularRefresh = 1_000_000
        }
        let link = try machine.live(configuration())
        let isClosed = { (happened: [(at: Double, action: SessionAction)]) in
            happened.contains { if case .close(link, 3005, _) = $0.action { true } else { false } }
        }
        #expect(!isClosed(machine.run(for: 299)))
        #expect(isClosed(machine.run(for: 2)))
    }

    @Test("K10: version 5 closes 20 s after the last frame once a text ping was seen, and never did without one")
    func idleVersion5() throws {
        for (pings, isClosed) in [(UInt64(1), true), (0, false)] {
            var machine = Machine {
                $0.pingInterval = .seconds(100_000)
                $0.regularRefresh = 1_000_000
            }
            let link = try machine.live(configuration(version: 5))
            machine.pass(10)
            machine.send(.activity(link, lastBytesAt: machine.now.monotonic, serverPings: pings))
            machine.send(.tick)
            let happened = machine.run(for: 20.1)
            let close = happened.first { if case .close(link, 3005, _) = $0.action { true } else { false } }
            #expect((close != nil) == isClosed)
            if let close { #expect((19.9...20.1).contains(close.at)) }
        }
    }
}
