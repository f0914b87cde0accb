import EndToEndSupport
import Foundation
import TestRandom
import Testing

/// A state that an earlier life has left, damaged in some way, and what a daemon makes of it.
struct DamagedState: Sendable {
    /// What became of a daemon that found it.
    enum Outcome: Sendable, CustomStringConvertible {
        case ended(ProcessExit, said: String)
        case ran(Verdict, complaints: [String])

        var description: String {
            switch self {
            case .ended(let exit, let said): "exit \(exit.code ?? -(exit.signal ?? 0)): \(said)"
            case .ran(let verdict, let complaints): "ran: \(verdict), said \(complaints)"
            }
        }
    }

    static let events = 500

    private let stage: Stage
    private let lives: DaemonLives
    private let saved: ScratchDirectory
    /// Bytes of the database.
    let size: Int

    /// Lets a daemon write some events and end in order.
    init(on stage: Stage) async throws {
        self.stage = stage
        lives = try DaemonLives(
            try await stage.recipe(portal: ["start: retained"], sinks: Soak.fileSink, level: "info"))
        try await stage.isSubscribed(try lives.begin())
        try await stage.sandbox.load(count: Self.events, rate: 0)
        try await GrowingFile(lives.eventFile).hasLines(Self.events, within: .seconds(20))
        try await lives.stop()
        saved = try ScratchDirectory()
        let attributes = try FileManager.default.attributesOfItem(atPath: lives.databasePath)
        size = attributes[.size] as? Int ?? 0
        try FileManager.default.copyItem(atPath: lives.directory.file("state"), toPath: saved.file("state"))
        try FileManager.default.copyItem(atPath: lives.eventFile, toPath: saved.file("events.ndjson"))
    }

    /// Damages the state as it was left, starts a daemon on it, and lets it receive some more.
    func outcome(of damage: DatabaseDamage) async throws -> Outcome {
        for name in ["state", "events.ndjson"] {
            try FileManager.default.removeItem(atPath: lives.directory.file(name))
            try FileManager.default.copyItem(atPath: saved.file(name), toPath: lives.directory.file(name))
        }
        try await damage.happen(to: lives.databasePath)
        let damaged = FileManager.default.contents(atPath: lives.databasePath)
        let daemon = try lives.begin()
        try await eventually(within: .seconds(30), "\(damage): it ends or subscribes\n\(daemon.process.errorOutput)") {
            if daemon.process.exit != nil { return true }
            return try await stage.sandbox.connectionCount() > 0
        }
        if daemon.process.exit != nil {
            let exit = try await lives.ended(within: .seconds(1))
            // It is for people to decide what becomes of it.
            #expect(FileManager.default.contents(atPath: lives.databasePath) == damaged, "\(damage): it was changed")
            return .ended(exit, said: daemon.process.errorOutput)
        }
        try await stage.sandbox.load(count: 50, rate: 0)
        try await stage.sandbox.loadIsDone(within: .seconds(30))
        let published = try await stage.published()
        try? await GrowingFile(lives.eventFile).hasLines(published.count, within: .seconds(5))
        if daemon.process.exit == nil { try await lives.stop() } else { _ = try await lives.ended(within: .seconds(1)) }
        let verdict = Verdict(EventFile(contentsOf: lives.eventFile), published)
        return .ran(verdict, complaints: daemon.log.filter(\.isTrouble).map(\.message))
    }
}

extension Soak {
    @Suite struct DamageTests {
        static let refused: [(damage: DatabaseDamage, code: Int32)] = [
            (.version(9_999), 73), (.replaced(by: "This is no database, but a text of some length.\n"), 74),
            (.truncated(to: 100), 74), (.truncated(to: 4_096), 74), (.truncated(to: 20_000), 74),
        ]

        @Test("A database that cannot be used ends the daemon with one line that says what to do, and stays as it is")
        func refused() async throws {
            try await Stage.with { stage in
                let state = try await DamagedState(on: stage)
                for (damage, code) in Self.refused {
                    let outcome = try await state.outcome(of: damage)
                    figure("B7 \(damage): \(outcome)")
                    guard case .ended(let exit, let said) = outcome else {
                        Issue.record("\(damage): it goes on: \(outcome)")
                        continue
                    }
                    #expect(exit.code == code, "\(damage)")
                    #expect(said.split(separator: "\n").count == 1, "\(damage): \(said)")
                    #expect(said.contains("journal.sqlite"), "\(damage): \(said)")
                    #expect(try UnitFile.preventsRestart(after: exit), "\(damage): systemd would start it again")
                }
            }
        }

        @Test("A bit that is flipped anywhere in the database crashes nothing and loses nothing silently")
        func flipped() async throws {
            try await Stage.with { stage in
                let state = try await DamagedState(on: stage)
                var random = Soak.random("flips")
                var ended = 0
                var ran = 0
                var gaps = 0
                let count = Extent.of(short: 4, full: 100)
                for _ in 0..<count {
                    let damage = DatabaseDamage.flipped(byte: random.below(state.size), bit: random.below(8))
                    let outcome = try await state.outcome(of: damage)
                    switch outcome {
                    case .ended(let exit, let said):
                        ended += 1
                        #expect(exit.code == 74 || exit.code == 73, "seed \(Soak.seed), \(damage): \(outcome)")
                        #expect(said.split(separator: "\n").count == 1, "\(damage): \(said)")
                    case .ran(let verdict, _):
                        ran += 1
                        gaps += verdict.gaps.count
                        #expect(verdict.isHonest, "seed \(Soak.seed), \(damage): \(outcome)")
                    }
                }
                figure(
                    """
                    B7 \(count) single bits flipped in \(state.size) bytes, seed \(Soak.seed): refused \(ended), \
                    ran \(ran), gaps written \(gaps)
                    """)
            }
        }
    }
}
