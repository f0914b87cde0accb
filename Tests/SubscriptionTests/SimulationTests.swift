import Testing

@testable import Subscription

@Suite struct SimulationTests {
    private static let seedsPerBlock = 200

    @Test(
        "Whatever fails, each event that the store holds is accepted once, and nobody is asked too often",
        arguments: 0..<10)
    func eachEventOnce(block: Int) {
        for index in 0..<Self.seedsPerBlock {
            let seed = UInt64(block * Self.seedsPerBlock + index)
            var simulation = Simulation(seed: seed)
            simulation.run(hours: 0.7)
            let faults = simulation.faults
            #expect(faults.lost.isEmpty, "seed \(seed) lost \(faults.lost) of \(simulation.eventCount)")
            #expect(faults.doubled.isEmpty, "seed \(seed) doubled \(faults.doubled)")
            #expect(simulation.isLive, "seed \(seed) is not live at the end")
            let (fetches, opens) = (simulation.fetches, simulation.opens)
            #expect(fetches.count < 200 && busiestMinute(fetches) <= 13, "seed \(seed): \(fetches.count) requests")
            #expect(opens.count < 300 && busiestMinute(opens) <= 10, "seed \(seed): \(opens.count) connections")
            #expect(simulation.ticks < 4000, "seed \(seed): woken \(simulation.ticks) times")
        }
    }

    /// The most of them within one minute.
    private func busiestMinute(_ times: [Double]) -> Int {
        var most = 0
        var first = 0
        for (index, time) in times.enumerated() {
            while times[first] < time - 60 { first += 1 }
            most = max(most, index - first + 1)
        }
        return most
    }
}
