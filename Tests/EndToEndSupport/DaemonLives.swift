import Foundation
import Synchronization

/// A daemon that dies and is started again on the same directory: one at a time.
public final class DaemonLives: Sendable {
    /// What is left of a life: its process is gone.
    private struct State {
        var current: DaemonProcess?
        var errorPaths: [String] = []
        var exits: [ProcessExit] = []
    }

    public let directory: ScratchDirectory
    private let recipe: DaemonRecipe
    private let state = Mutex(State())

    public init(_ recipe: DaemonRecipe) throws {
        self.recipe = recipe
        directory = try ScratchDirectory()
    }

    public var eventFile: String { directory.file("events.ndjson") }
    public var databasePath: String { directory.file("state") + "/journal.sqlite" }
    /// How the lives ended, in order.
    public var exits: [ProcessExit] { state.withLock { $0.exits } }
    /// Of all lives.
    public var log: [LogLine] {
        state.withLock { $0.errorPaths }.flatMap { path in
            LogLine.lines(of: String(decoding: FileManager.default.contents(atPath: path) ?? Data(), as: UTF8.self))
        }
    }

    /// The life that runs.
    public func current() throws -> DaemonProcess {
        guard let current = state.withLock({ $0.current }) else {
            throw CommandLineTool.Failure(description: "no daemon runs")
        }
        return current
    }

    /// Starts the next one. The one before has ended.
    ///
    /// - Parameter environment: added for this life alone.
    @discardableResult
    public func begin(environment: [String: String] = [:]) throws -> DaemonProcess {
        var recipe = recipe
        recipe.environment.merge(environment) { $1 }
        let daemon = try DaemonProcess(recipe, directory: directory)
        state.withLock { state in
            state.current = daemon
            state.errorPaths.append(daemon.process.errorPath)
        }
        return daemon
    }

    /// SIGKILL, and waits for the end.
    public func kill() throws {
        let daemon = try current()
        daemon.process.kill()
        try end(daemon)
    }

    /// SIGTERM, and waits for the end.
    @discardableResult
    public func stop(within limit: Duration = .seconds(30)) async throws -> ProcessExit {
        let daemon = try current()
        let exit = try await daemon.stop(within: limit)
        try end(daemon)
        return exit
    }

    /// Waits for it to end by itself.
    public func ended(within limit: Duration) async throws -> ProcessExit {
        let daemon = try current()
        let exit = try await daemon.process.exit(within: limit)
        try end(daemon)
        return exit
    }

    private func end(_ daemon: DaemonProcess) throws {
        guard let exit = daemon.process.exit else { return }
        state.withLock { state in
            // Its notify socket and its thread go with it.
            state.current = nil
            state.exits.append(exit)
        }
    }

    /// Starts and kills the daemon so many times. It dies within the first moments of its life, or somewhere later.
    ///
    /// - Parameters:
    ///   - longest: of a life.
    ///   - random: told by its seed in what the test says.
    public func dieRepeatedly(
        _ count: Int, longest: Duration, random: inout some RandomNumberGenerator
    ) async throws {
        for _ in 0..<count {
            let daemon = try begin()
            // A third while it opens its journal, looks at its files and connects.
            let isEarly = Int.random(in: 0..<3, using: &random) == 0
            let most = isEarly ? longest / 8 : longest
            let microseconds = Int.random(in: 0...max(1, Int(most / .microseconds(1))), using: &random)
            try await Task.sleep(for: .microseconds(microseconds))
            try daemon.mustRun()
            try kill()
        }
    }
}
