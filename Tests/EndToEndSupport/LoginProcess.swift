import Foundation

/// `pulld login` with the test's hand on its standard input.
public final class LoginProcess: Sendable {
    public let process: ChildProcess
    private let directory: ScratchDirectory
    private let input: Int32

    /// - Parameter state: the state directory of the daemon.
    public convenience init(
        _ configuration: String, portal: String, state: String, _ application: SandboxProcess.Application
    ) async throws {
        try await self.init(
            configuration, portal: portal,
            environment: application.environment.merging(["STATE_DIRECTORY": state]) { $1 })
    }

    /// - Parameter launcher: stands before the command.
    public init(
        _ configuration: String, portal: String, environment: [String: String] = [:], launcher: [String] = []
    ) async throws {
        directory = try ScratchDirectory()
        let path = directory.file("input")
        guard mkfifo(path, 0o600) == 0 else { throw SystemFailure("mkfifo") }
        // For reading, too: so that the child does not wait for a writer, nor see an end before there is one.
        input = open(path, O_RDWR | O_CLOEXEC)
        guard input >= 0 else { throw SystemFailure("open \(path)") }
        process = try PulldProgram.start(
            ["login", portal, "--config", configuration], environment: environment, launcher: launcher,
            inputPath: path)
    }

    deinit { close(input) }

    /// What it asks the person to open.
    public func address() async throws -> String {
        var address: String?
        try await eventually(within: .seconds(30), "the address is printed\n\(process.errorOutput)") {
            if let exit = process.exit {
                throw CommandLineTool.Failure(description: "it ended: \(exit)\n\(process.errorOutput)")
            }
            guard process.output.contains("press Enter") else { return false }
            address = process.output.split(separator: "\n").first { $0.contains("/oauth/authorize/") }
                .map { $0.trimmingCharacters(in: .whitespaces) }
            return address != nil
        }
        return address ?? ""
    }

    public func paste(_ line: String) async throws {
        let bytes = Array((line + "\n").utf8)
        guard write(input, bytes, bytes.count) == bytes.count else { throw SystemFailure("write") }
    }
}
