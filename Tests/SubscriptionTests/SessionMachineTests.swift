import Events
import PullProtocol
import Secrets
import Testing
import Timing

@testable import Subscription

@Suite struct SessionMachineTests {
    @Test("A session asks for the configuration, connects, and is live only once the connection is proven")
    func firstConnection() throws {
        var machine = Machine()
        machine.send(.start)
        #expect(machine.fetches)
        machine.send(.configured(configuration(), skew: 0))
        let link = try #require(machine.opened.first)
        machine.send(.opened(link))
        #expect(machine.machine.status == .starting)
        machine.send(.proven(link))
        #expect(machine.machine.status == .live(.webSocket))
    }

    @Test("An open connection without a message is proven after five seconds, not before")
    func proofByTime() throws {
        var machine = Machine()
        machine.send(.start)
        machine.send(.configured(configuration(), skew: 0))
        machine.send(.opened(try #require(machine.opened.first)))
        _ = machine.run(for: 4.9)
        #expect(machine.machine.status == .starting)
        _ = machine.run(for: 0.2)
        #expect(machine.machine.status == .live(.webSocket))
    }

    @Test("Long polling is taken when the configuration has no WebSocket address, or the setting says so")
    func transportChoice() {
        var byPortal = Machine()
        #expect(byPortal.goLive(configuration(webSocket: false)) != nil)
        #expect(byPortal.machine.status == .live(.longPolling))
        var bySetting = Machine { $0.transport = .longPollingOnly }
        #expect(bySetting.goLive(configuration()) != nil)
        #expect(bySetting.machine.status == .live(.longPolling))
    }

    @Test("A lost connection comes back after 0.1 to 0.5 s, and further failures wait 15, 45, 45, 600 s")
    func reconnectSchedule() throws {
        var machine = Machine { $0.transport = .webSocketOnly }
        machine.answer = configuration()
        var link = try machine.live(configuration())
        var waits: [Double] = []
        for _ in 0..<6 {
            machine.send(.ended(link, lost))
            let next = machine.run(for: 800).first { $0.action.openedLink != nil }
            let opened = try #require(next)
            waits.append(opened.at)
            link = try #require(opened.action.openedLink)
            // The rest of the 800 s passed while it was connecting.
        }
        #expect((0.1...0.51).contains(waits[0]))
        for (wait, step) in zip(waits[1...], [15.0, 45, 45, 600, 600]) {
            #expect((step...step * 1.2 + 0.1).contains(wait), "\(waits)")
        }
    }

    @Test("The schedule begins anew only after a connection has worked for 30 s")
    func recovery() throws {
        var machine = Machine()
        var link = try machine.live(configuration())
        machine.send(.ended(link, lost))
        link = try #require(machine.run(for: 1).compactMap { $0.action.openedLink }.first)
        machine.send(.opened(link))
        machine.send(.proven(link))
        machine.pass(10)
        machine.send(.ended(link, lost))
        let second = try #require(machine.run(for: 60).first { $0.action.openedLink != nil })
        #expect(second.at >= 15)
        link = try #require(second.action.openedLink)
        machine.send(.opened(link))
        machine.send(.proven(link))
        machine.pass(31)
        machine.send(.ended(link, lost))
        let third = try #require(machine.run(for: 60).first { $0.action.openedLink != nil })
        #expect(third.at <= 0.51)
    }

    @Test("K1, K2: 4010 asks for the configuration after 6 to 35 s, a second 4010 waits for the schedule too")
    func wrongChannel() throws {
        var machine = Machine()
        var link = try machine.live(configuration())
        let refused = LinkEnd(.closed(code: 4010, reason: "4010: Wrong Channel Id."), cause: "refused")
        machine.pass(60)
        machine.send(.ended(link, refused))
        let first = try #require(machine.run(for: 40).first { $0.action.isFetch })
        #expect((5.9...35.1).contains(first.at))
        machine.send(.configured(configuration(), skew: 0))
        link = try #require(machine.opened.first)
        machine.send(.opened(link))
        machine.send(.ended(link, refused))
        let second = try #require(machine.run(for: 60).first { $0.action.isFetch })
        #expect(second.at >= 15)
    }

    @Test("K9: an unanswered ping after 30 s of silence ends the connection 15 s later; any frame prevents it")
    func silence() throws {
        var machine = Machine()
        let link = try machine.live(configuration())
        let quiet = machine.run(for: 44)
        #expect(quiet.contains { if case .ping(link) = $0.action { true } else { false } })
        #expect(!quiet.contains { if case .close = $0.action { true } else { false } })
        machine.send(.activity(link, lastBytesAt: machine.now.monotonic, serverPings: 0))
        let answered = machine.run(for: 29)
        #expect(!answered.contains { if case .close = $0.action { true } else { false } })
        let silent = machine.run(for: 20)
        #expect(
            silent.contains { if case .close(link, 3005, _) = $0.action { true } else { false } }, "\(silent)")
    }

    @Test(
        "A WebSocket that is not read for want of room is neither pinged nor silent, and the server gets signs of life")
    func unread() throws {
        var machine = Machine()
        let link = try machine.live(configuration())
        var pongs = 0
        for _ in 0..<3600 {
            machine.pass(1)
            machine.send(.unread(link))
            for action in machine.send(.tick) {
                switch action {
                case .pong(link): pongs += 1
                case .ping, .close, .open: Issue.record("\(action)")
                default: break
                }
            }
        }
        #expect((118...122).contains(pongs))
        // Silence counts from the moment from which it is read again.
        let quiet = machine.run(for: 29)
        #expect(!quiet.contains { if case .ping = $0.action { true } else { false } })
        let silent = machine.run(for: 17)
        #expect(silent.contains { if case .ping(link) = $0.action { true } else { false } })
        #expect(silent.contains { if case .close(link, 3005, _) = $0.action { true } else { false } })
    }

    @Test("Only a tick judges silence: whatever else comes first knows nothing of the pong")
    func silenceIsJudgedByTicks() throws {
        var machine = Machine()
        let old = try machine.live(configuration("1"))
        machine.send(.configured(configuration("2"), skew: 0))
        let new = try #require(machine.opened.first)
        machine.send(.opened(new))
        machine.send(.proven(new))
        _ = machine.run(for: 31)
        machine.pass(16)
        machine.send(.command(.noOperation))
        #expect(machine.closed.isEmpty)
        for link in [old, new] {
            machine.send(.activity(link, lastBytesAt: machine.now.monotonic - .seconds(15), serverPings: 0))
            #expect(machine.closed.isEmpty)
        }
        machine.send(.tick)
        #expect(machine.closed.isEmpty)
    }

    @Test("A poll loop with an answer every second has worked for 30 s when it has for 30 s")
    func busyPolling() throws {
        var machine = Machine { $0.transport = .longPollingOnly }
        var link = try machine.live(configuration())
        for _ in 0..<4 {
            for _ in 0..<31 {
                machine.pass(1)
                machine.send(.opened(link))
                machine.send(.proven(link))
            }
            machine.send(.ended(link, lost))
            let next = try #require(machine.run(for: 1).compactMap { $0.action.openedLink }.first)
            link = next
        }
    }

    @Test("What belongs to a connection that is gone changes nothing")
    func staleInputs() throws {
        var machine = Machine()
        let link = try machine.live(configuration())
        machine.send(.ended(link, lost))
        let deadline = machine.machine.deadline(at: machine.now)
        for input: SessionInput in [.ended(link, lost), .opened(link), .proven(link)] {
            #expect(machine.send(input).isEmpty)
        }
        #expect(machine.machine.deadline(at: machine.now) == deadline)
    }

    @Test("K12: after stop every connection is closed, nothing is started any more, and the end is told once")
    func stop() throws {
        var machine = Machine()
        let link = try machine.live(configuration())
        machine.send(.stop)
        #expect(machine.closed == [link])
        machine.send(.configured(configuration("1"), skew: 0))
        #expect(machine.last.isEmpty)
        machine.send(.ended(link, lost))
        #expect(machine.last.contains { if case .finish = $0 { true } else { false } })
        #expect(machine.send(.ended(link, lost)).isEmpty)
    }
}
