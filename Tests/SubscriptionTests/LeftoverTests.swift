import PullProtocol
import Testing
import Timing

@testable import Subscription

@Suite struct LeftoverTests {
    private func closed(_ code: Int) -> LinkEnd { LinkEnd(.closed(code: code, reason: ""), cause: "\(code)") }

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

    private func next(_ machine: inout Machine, within seconds: Double) -> (LinkID, PullConfiguration)? {
        // Second by second, so that little time passes after it.
        for _ in 0..<Int(seconds) {
            for happened in machine.run(for: 1) {
                if case .open(let id, _, let configuration) = happened.action { return (id, configuration) }
            }
        }
        return nil
    }

    @Test(
        "Channels that were replaced during an outage are connected to once more, and the position is held until then")
    func fetched() throws {
        var machine = try replacedDuringOutage()
        #expect(machine.machine.holdsPosition)
        let (id, old) = try #require(next(&machine, within: 4))
        #expect(old.makesSameConnections(as: configuration("1")))
        machine.send(.proven(id))
        #expect(!machine.machine.holdsPosition)
        #expect(machine.machine.status == .live(.webSocket))
        machine.pass(120)
        machine.send(.tick)
        #expect(machine.closed.contains(id))
        #expect(machine.machine.leftovers.isEmpty)
    }

    @Test("A leftover that cannot be reached is tried again after growing pauses, and given up after ten refusals")
    func refused() throws {
        var machine = try replacedDuringOutage()
        machine.machine.serving?.transport = .longPolling
        var attempts = 0
        while let (id, _) = next(&machine, within: 700), attempts < 50 {
            attempts += 1
            machine.send(.ended(id, closed(4010)))
        }
        #expect(attempts == 10)
        #expect(!machine.machine.holdsPosition)
    }

    @Test("An old connection that breaks during the overlap is made once more, one that is refused is not")
    func brokenOverlap() throws {
        for (end, isRepeated) in [(lost, true), (closed(4010), false)] {
            var machine = Machine { $0.regularRefresh = 1_000_000 }
            let old = try machine.live(configuration("1"))
            machine.send(.configured(configuration("2"), skew: 0))
            machine.send(.proven(try #require(machine.opened.first)))
            machine.send(.ended(old, end))
            let again = next(&machine, within: 4)
            #expect((again != nil) == isRepeated)
            // And only once.
            if let (id, _) = again {
                machine.send(.proven(id))
                machine.send(.ended(id, lost))
                #expect(next(&machine, within: 20) == nil)
            }
        }
    }
}
