import ArgumentParser
import Daemon
import Glibc
import History
import Journal
import Settings

/// Where the journal is that a verb reads.
struct JournalArguments: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The daemon's configuration file; \(ServiceDirectories.usualFile) if it is there.", valueName: "file"))
    var config: String?

    @Option(help: ArgumentHelp("The daemon's state directory, instead of the file's.", valueName: "dir"))
    var state: String?

    /// Opened beside the daemon that writes it, or with none running.
    func open() throws -> JournalView {
        guard let directory = try state ?? configuredDirectory() else {
            throw ExitCodes.Misconfiguration(
                description:
                    "there is no state directory: name one with --state DIR, or the daemon's file with --config")
        }
        return try JournalView.open(directory: directory)
    }

    /// The file that the daemon reads, and its path; nil when none is named and none is in the usual place.
    func settings() throws -> (settings: Settings, path: String)? {
        guard let path = Self.file(config) else { return nil }
        return (try Settings.load(path: path), path)
    }

    /// Of the daemon that reads the file.
    var daemon: DaemonSurroundings { DaemonSurroundings(file: Self.file(config)) }

    /// - Returns: nil when none is named and none is in the usual place.
    static func file(_ named: String?) -> String? {
        named ?? (access(ServiceDirectories.usualFile, F_OK) == 0 ? ServiceDirectories.usualFile : nil)
    }

    private func configuredDirectory() throws -> String? {
        daemon.stateDirectory(of: try settings()?.settings ?? Settings(portals: [], sinks: []))
    }
}

extension ExitCodes {
    static let temporary = ExitCode(75)

    /// For verbs that read the journal.
    static func applyReading(_ work: () async throws -> Void) async throws {
        TextOutput.surviveClosedPipes()
        try await apply {
            do {
                try await work()
            } catch let error as JournalError {
                throw failed(error)
            } catch HistoryFailure.journal(let error) {
                throw failed(error)
            } catch HistoryFailure.output(let failure) {
                try check(failure)
            } catch let failure as OutputFailure {
                try check(failure)
            }
        }
    }

    /// A reader that has seen enough is no fault.
    private static func check(_ failure: OutputFailure) throws {
        guard case .system(let number) = failure else { return }
        say("standard output: \(String(cString: strerror(number)))")
        throw inputOutput
    }

    private static func failed(_ error: JournalError) -> ExitCode {
        say(error.description)
        return switch error.code {
        case .missing: configuration
        case .forbidden: noPermission
        case .locked, .diskFull: temporary
        case .cannotCreate, .newerSchema: ExitCode(73)
        case .damaged, .inputOutput: inputOutput
        case .finished, .system: internalFault
        }
    }
}
