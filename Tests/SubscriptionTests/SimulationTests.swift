import Foundation
import Testing

@testable import Subscription

/// `PULLD_SEED=n` plays one seed alone; `PULLD_ACCEPTANCE=1` plays a hundred thousand, with `PULLD_FIRST_SEED=n` others than
/// the first.
@Suite struct SimulationTests {
    private static let environment = ProcessInfo.processInfo.environment
    private static let blocks = 20
    private static let firstSeed = environment["PULLD_FIRST_SEED"].flatMap { UInt64($0) } ?? 0
    private static let seedsPerBlock = environment["PULLD_ACCEPTANCE"] == "1" ? 5_000 : 15

    @Test(
        "Whatever fails, each event that the server holds is accepted once or told as a gap, and nobody is asked too often",
        arguments: 0..<blocks)
    func eachEventOnce(block: Int) {
        if let seed = Self.environment["PULLD_SEED"].flatMap({ UInt64($0) }) {
            if block == 0 { play(seed) }
            return
        }
        for index in 0..<Self.seedsPerBlock { play(Self.firstSeed &+ UInt64(block * Self.seedsPerBlock + index)) }
    }

    private func play(_ seed: UInt64) {
        var simulation = Simulation(seed: seed)
        simulation.run(hours: 0.7)
        let faults = simulation.faults
        let all = simulation.server.messages.count
        #expect(faults.lost.isEmpty, "PULLD_SEED=\(seed) lost \(faults.lost.prefix(5)) of \(all)")
        #expect(faults.doubled.isEmpty, "PULLD_SEED=\(seed) doubled \(faults.doubled.prefix(5))")
        let isLive = simulation.isLive
        #expect(isLive, "PULLD_SEED=\(seed) is not live at the end")
        let (fetches, opens, audits) = (simulation.fetches, simulation.opens, simulation.audits)
        #expect(busiestMinute(fetches) <= 13, "PULLD_SEED=\(seed): \(fetches.count) requests")
        #expect(busiestMinute(opens) <= 12, "PULLD_SEED=\(seed): \(opens.count) connections")
        #expect(busiestMinute(audits) <= 30, "PULLD_SEED=\(seed): \(busiestMinute(audits)) audits in a minute")
        // A crash may take the note of what a message told and leave the message: it is not told again then.
        let isGroundless = simulation.groundless > 0 && simulation.runs == 1
        #expect(!isGroundless, "PULLD_SEED=\(seed): \(simulation.groundless) gap records of channels that never were")
        #expect(simulation.ticks < 8000, "PULLD_SEED=\(seed): woken \(simulation.ticks) times")
    }

    @Test(
        "Each protection is needed: without it some seeds lose or double events",
        arguments: Simulation.Protection.allCases)
    func protections(protection: Simulation.Protection) {
        if Self.environment["PULLD_SEED"] != nil { return }
        let isFull = Self.environment["PULLD_ACCEPTANCE"] == "1"
        // Few seeds have messages that are stored so late that only the lag brings them.
        let first: UInt64 = protection == .lag && !isFull ? 300 : 0
        var red = 0
        var played = 0
        for seed in first..<1000 where isFull || red == 0 && played < 60 {
            var simulation = Simulation(seed: seed, without: protection)
            simulation.run(hours: 0.7)
            let faults = simulation.faults
            if !faults.lost.isEmpty || !faults.doubled.isEmpty { red += 1 }
            played += 1
        }
        print("without \(protection): \(red) of \(played) seeds lose or double events")
        #expect(red > 0, "without \(protection) nothing is lost or doubled")
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
