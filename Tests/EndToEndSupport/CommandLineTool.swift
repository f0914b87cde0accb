/// A command that is run to its end.
public enum CommandLineTool {
    public struct Result: Sendable {
        public var code: Int32
        public var output: String
        public var errorOutput: String
    }

    public struct Failure: Error, CustomStringConvertible {
        public let description: String
    }

    /// Runs a command and returns whatever it said, successful or not. Throws when it cannot be started, or does not
    /// end within the limit.
    public static func result(
        of program: String, _ arguments: [String],
        within limit: Duration = .seconds(60)
    ) async throws -> Result {
        let child = try ChildProcess(program, arguments)
        let exit = try await child.exit(within: limit)
        return Result(
            code: exit.code ?? 128 + (exit.signal ?? 0), output: child.output, errorOutput: child.errorOutput)
    }

    /// Runs a command that must end with 0 and returns its standard output.
    @discardableResult
    public static func run(
        _ program: String, _ arguments: [String], within limit: Duration = .seconds(60)
    ) async throws -> String {
        let result = try await result(of: program, arguments, within: limit)
        guard result.code == 0 else {
            let command = ([program] + arguments).joined(separator: " ")
            throw Failure(description: "\(command): exit \(result.code)\n\(result.errorOutput)")
        }
        return result.output
    }
}
