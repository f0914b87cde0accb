import PullProtocol
import Secrets
import Testing
import Timing

@testable import Subscription

@Suite struct ServiceCommandTests {
    private func live() throws -> Machine {
        var machine = Machine { $0.regularRefresh = 1_000_000 }
        _ = try machine.live(configuration("1"))
        machine.hears = true
        machine.run(for: 120)
        return machine
    }

    private let own = Secret(String(repeating: "1", count: 31) + "a")

    private func waits(_ machine: inout Machine, for seconds: Double) -> [Double] {
        machine.run(for: seconds).filter { $0.action.isFetch }.map(\.at)
    }

    @Test("V1: while the ids stay the same the request is repeated after 5, 15 and 60 s, then no more")
    func repetitions() throws {
        var machine = try live()
        machine.answer = configuration("1")
        machine.send(.command(.channelExpire(id: own)))
        let times = waits(&machine, for: 1000)
        #expect(times.count == 4)
        #expect((0.5...3.1).contains(times[0]))
        for (wait, step) in zip(zip(times, times.dropFirst()).map { $1 - $0 }, ServiceCommand.repetitions) {
            #expect((step...step + 60.1).contains(wait), "\(times)")
        }
        #expect(machine.closed.isEmpty)
    }

    @Test("V3, V8: what is no command changes nothing; V7: open and reopen neither")
    func nothing() throws {
        var machine = try live()
        machine.send(.command(.noOperation))
        #expect(machine.machine.fetchAt == nil)
        #expect(waits(&machine, for: 300).isEmpty)
    }

    @Test("V4, V9: unknown or unreadable ids bring one request a minute, and leave the planned ones alone")
    func limited() throws {
        for id in [Secret(String(repeating: "9", count: 32)), nil] {
            var machine = try live()
            machine.answer = configuration("1")
            var times: [Double] = []
            for second in 0..<300 {
                machine.send(.command(.channelExpire(id: id)))
                times += waits(&machine, for: 1).map { Double(second) + $0 }
            }
            #expect((4...6).contains(times.count), "\(times)")
            #expect(zip(times, times.dropFirst()).allSatisfy { $1 - $0 >= 59 }, "\(times)")
            // An id of ours is not kept waiting by them.
            machine.send(.command(.channelExpire(id: own)))
            let wait = try #require(waits(&machine, for: 70).first)
            #expect(wait <= 61)
        }
    }

    @Test("An id of the overlap is no news")
    func overlap() throws {
        var machine = try live()
        machine.send(.configured(configuration("2"), skew: 0))
        machine.send(.proven(try #require(machine.opened.first)))
        machine.send(.command(.channelExpire(id: own)))
        #expect(machine.machine.fetchAt == nil)
    }

    @Test("V5, V6, V10: config_expire and server_restart ask once after 10 to 120 s; an expired id brings that forward")
    func broadcast() throws {
        for command in [ServiceCommand.configExpire, .serverRestart] {
            var machine = try live()
            machine.answer = configuration("1")
            machine.send(.command(command))
            machine.send(.command(.configExpire))
            let times = waits(&machine, for: 400)
            #expect(times.count == 1 && (10.0...120.1).contains(times[0]))
        }
        var machine = try live()
        machine.send(.command(.configExpire))
        machine.send(.command(.channelExpire(id: own)))
        #expect(try #require(waits(&machine, for: 400).first) <= 3.1)
    }

    @Test("The times after an end are kept to, however many requests were fruitless before")
    func afterEnd() throws {
        var machine = Machine { $0.regularRefresh = 1_000_000 }
        let end = Int64(1_700_000_000 + 400)
        _ = try machine.live(configuration("1", end: end))
        machine.answer = configuration("1", end: end)
        machine.hears = true
        for _ in 0..<6 {
            machine.send(.command(.channelExpire(id: own)))
            machine.run(for: 61)
        }
        machine.send(.command(.channelExpire(id: own)))
        #expect(machine.machine.fruitless >= 3)
        let times = waits(&machine, for: 50)
        let portal = machine.now.wall - 50
        #expect(times.contains { (2...10.1).contains(portal + $0 - Double(end)) }, "\(times)")
    }
}
