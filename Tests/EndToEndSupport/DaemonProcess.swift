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
    public static func start(
        _ arguments: [String], environment: [String: String] = [:], outputPath: String? = nil
    ) throws -> ChildProcess {
        try ChildProcess(
            path, arguments, environment: ChildProcess.bareEnvironment.merging(environment) { $1 },
            outputPath: outputPath)
    }
}

/// `pulld run` with a configuration of the test's, a state directory of its own and a notify socket.
public final class DaemonProcess: Sendable {
    public let process: ChildProcess
    public let notify: NotifySocket
    public let directory: ScratchDirectory

    /// - Parameters:
    ///   - configuration: YAML. `$DIRECTORY` in it stands for `directory`.
    ///   - environment: added to the bare one, secrets for `{ env: … }` among them.
    public init(
        configuration: String, environment: [String: String] = [:], directory: ScratchDirectory? = nil,
        outputPath: String? = nil
    ) throws {
        let directory = try directory ?? ScratchDirectory()
        let notify = try NotifySocket()
        let file = try directory.write(
            configuration.replacingOccurrences(of: "$DIRECTORY", with: directory.path), to: "pulld.yaml")
        var all = ["STATE_DIRECTORY": try directory.directory("state"), "NOTIFY_SOCKET": notify.path]
        all.merge(environment) { $1 }
        self.directory = directory
        self.notify = notify
        process = try PulldProgram.start(["run", "--config", file], environment: all, outputPath: outputPath)
    }

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

    public func figures() throws -> ProcessFigures {
        try ProcessFigures(of: process.pid)
    }

    /// SIGTERM, then waits for the end.
    @discardableResult
    public func stop(within limit: Duration = .seconds(20)) async throws -> ProcessExit {
        try await process.terminate(within: limit)
    }
}
