import ArgumentParser
import Daemon
import Glibc
import Settings

/// What every verb does with an error: one clear text on standard error, and the exit code for it (sysexits(3)).
enum ExitCodes {
    static let configuration = ExitCode(78)

    static func apply(_ work: () async throws -> Void) async throws {
        do {
            try await work()
        } catch let error as SettingsError {
            say(error.description)
            throw configuration
        } catch let failure as StartFailure {
            say(failure.description)
            throw ExitCode(failure.code.rawValue)
        }
    }

    static func say(_ text: String) {
        for line in text.split(separator: "\n") {
            var line = "pulld: \(line)\n"
            _ = line.withUTF8 { write(2, $0.baseAddress, $0.count) }
        }
    }
}
