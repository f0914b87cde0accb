import Foundation

/// The built `pulld`.
public enum PulldProgram {
    /// `$PULLD_BINARY`, else the one beside the running test bundle: what `swift build` made with it.
    public static var path: String {
        let environment = ProcessInfo.processInfo.environment
        if let chosen = environment["PULLD_BINARY"], !chosen.isEmpty { return chosen }
        let bundle = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
        return URL(fileURLWithPath: bundle).deletingLastPathComponent().appendingPathComponent("pulld").path
    }

    /// Starts a verb.
    ///
    /// - Parameter launcher: stands before the command, as `SmallDisk` wants it.
    public static func start(
        _ arguments: [String], environment: [String: String] = [:], outputPath: String? = nil, launcher: [String] = [],
        inputPath: String = "/dev/null"
    ) throws -> ChildProcess {
        let command = launcher + [path] + arguments
        return try ChildProcess(
            command[0], Array(command.dropFirst()),
            environment: ChildProcess.bareEnvironment.merging(environment) { $1 }, outputPath: outputPath,
            inputPath: inputPath)
    }
}

/// What a daemon is started with, again and again if need be.
public struct DaemonRecipe: Sendable {
    /// YAML. `$DIRECTORY` in it stands for the daemon's directory.
    public var configuration: String
    /// Added to the bare one, secrets for `{ env: … }` among them. `STATE_DIRECTORY` in it takes the place of a directory
    /// `state` in the daemon's own.
    public var environment: [String: String]
    /// Where standard output goes instead of into a file of `OutputCollector`.
    public var outputPath: String?
    /// Stands before the command, as `SmallDisk` wants it.
    public var launcher: [String] = []

    public init(configuration: String, environment: [String: String] = [:]) {
        self.configuration = configuration
        self.environment = environment
    }
}

/// `pulld run` with a configuration of the test's, a state directory of its own and a notify socket.
public final class DaemonProcess: Sendable {
    public let process: ChildProcess
    public let notify: NotifySocket
    public let directory: ScratchDirectory

    /// - Parameter directory: with the state and the files of an earlier life; nil: a new one.
    public init(_ recipe: DaemonRecipe, directory: ScratchDirectory? = nil) throws {
        let directory = try directory ?? ScratchDirectory()
        let notify = try NotifySocket()
        let file = try directory.write(
            recipe.configuration.replacingOccurrences(of: "$DIRECTORY", with: directory.path), to: "pulld.yaml")
        let state = try directory.directory("state")
        // As a service manager makes it (StateDirectoryMode=0700).
        chmod(state, 0o700)
        var all = ["STATE_DIRECTORY": state, "NOTIFY_SOCKET": notify.path]
        all.merge(recipe.environment) { $1 }
        self.directory = directory
        self.notify = notify
        process = try PulldProgram.start(
            ["run", "--config", file], environment: all, outputPath: recipe.outputPath, launcher: recipe.launcher)
    }

    public convenience init(
        configuration: String, environment: [String: String] = [:], directory: ScratchDirectory? = nil,
        outputPath: String? = nil
    ) throws {
        var recipe = DaemonRecipe(configuration: configuration, environment: environment)
        recipe.outputPath = outputPath
        try self.init(recipe, directory: directory)
    }

    /// Where the journal is, unless the recipe says otherwise.
    public var statePath: String { directory.file("state") }
    public var databasePath: String { statePath + "/journal.sqlite" }
    public var eventFile: String { directory.file("events.ndjson") }
    public var log: [LogLine] { LogLine.lines(of: process.errorOutput) }

    /// Waits for `READY=1`, and fails at once, with what the daemon said, when it ends before.
    public func ready(within limit: Duration = .seconds(20)) async throws {
        try await eventually(within: limit, "the daemon says READY=1\n\(process.errorOutput)") {
            if let exit = process.exit {
                throw CommandLineTool.Failure(
                    description: "pulld ended before READY=1: \(exit)\n\(process.errorOutput)")
            }
            return notify.has("READY=1")
        }
    }

    /// Throws, with what it said, when it does not run any more.
    public func mustRun() throws {
        guard let exit = process.exit else { return }
        throw CommandLineTool.Failure(description: "pulld ended: \(exit)\n\(process.errorOutput)")
    }

    /// Waits until the file sink holds so many lines.
    public func hasWritten(_ count: Int, within limit: Duration) async throws {
        try await GrowingFile(eventFile).hasLines(count, within: limit)
    }

    public static func lineCount(of path: String) -> Int { GrowingFile(path).lineCount }

    public func figures() throws -> ProcessFigures {
        try ProcessFigures(of: process.pid)
    }

    /// Writes another configuration file, in the words of `DaemonRecipe.configuration`, sends SIGHUP and returns when the
    /// daemon says that the reload has ended. It has been ready before.
    ///
    /// - Returns: the time from the signal to that.
    @discardableResult
    public func reload(_ configuration: String, within limit: Duration = .seconds(30)) async throws -> Duration {
        func ends() -> Int { notify.messages.count { $0 == "READY=1" } }
        let before = ends()
        try directory.write(
            configuration.replacingOccurrences(of: "$DIRECTORY", with: directory.path), to: "pulld.yaml")
        let start = ContinuousClock.now
        process.signal(SIGHUP)
        try await eventually(within: limit, "the reload ends\n\(process.errorOutput.suffix(2_000))") {
            try mustRun()
            return ends() > before
        }
        return start.duration(to: .now)
    }

    /// SIGTERM, then waits for the end. Before it, while everything is open, the modes of what it keeps are looked at, in
    /// every test.
    @discardableResult
    public func stop(within limit: Duration = .seconds(20)) async throws -> ProcessExit {
        let modes = stateOpenToOthers()
        OutputCollector.shared.count(modes.looked, open: modes.open)
        return try await process.terminate(within: limit)
    }
}
