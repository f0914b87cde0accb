import ArgumentParser
import Daemon
import Demo
import Glibc
import Portal
import Settings

/// What every verb does with an error: one clear text on standard error, and the exit code for it (sysexits(3)).
/// Usage errors are the argument parser's, which ends with 64.
enum ExitCodes {
    static let dataError = ExitCode(65)
    static let unavailable = ExitCode(69)
    static let internalFault = ExitCode(70)
    static let inputOutput = ExitCode(74)
    static let noPermission = ExitCode(77)
    static let configuration = ExitCode(78)

    /// Something in the process' surroundings has to be set right first.
    struct Misconfiguration: Error {
        var description: String
    }

    static func apply(_ work: () async throws -> Void) async throws {
        do {
            try await work()
        } catch let error as SettingsError {
            say(error.description)
            throw configuration
        } catch let error as Misconfiguration {
            say(error.description)
            throw configuration
        } catch let failure as StartFailure {
            say(failure.description)
            throw ExitCode(failure.code.rawValue)
        } catch let error as PortalError {
            say(error.description)
            throw code(for: error)
        } catch let failure as DemoFailure {
            say(failure.description)
            throw internalFault
        }
    }

    static func say(_ text: String) {
        for line in text.split(separator: "\n") {
            var line = "pulld: \(line)\n"
            _ = line.withUTF8 { write(2, $0.baseAddress, $0.count) }
        }
    }

    /// For verbs that call the portal once.
    private static func code(for error: PortalError) -> ExitCode {
        switch error.code {
        case .address: .validationFailure
        case .authorisation(.input): dataError
        case .authorisation(.store), .authorisation(.notStored): inputOutput
        case .authorisation: error.needsPerson ? noPermission : unavailable
        case .transport, .configuration: unavailable
        case .rest(let refusal) where Self.dataErrors.contains(refusal.code): dataError
        case .rest: error.needsPerson ? noPermission : unavailable
        }
    }

    /// The portal's words for parameters that it does not take.
    private static let dataErrors: Set<String> = [
        "command_error", "module_id_error", "params_error", "error_argument",
    ]
}
