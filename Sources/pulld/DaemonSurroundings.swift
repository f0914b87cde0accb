import Glibc
import Settings

/// What surrounds the daemon that reads a configuration file, as far as a verb run by hand can know it: this process'
/// environment and, for a file of the system's services, what the service manager tells to the service alone.
struct DaemonSurroundings {
    /// Nil: no service reads the file.
    let service: ServiceDirectories?

    /// - Parameter file: as a person has written it; nil: there is none.
    init(file: String?) {
        service = file.map(Self.absolute).flatMap(ServiceDirectories.init)
    }

    /// A variable of the daemon's environment.
    func variable(_ name: String) -> String? {
        if let value = getenv(name) { return String(cString: value) }
        return switch name {
        case "STATE_DIRECTORY": service?.state
        case "CREDENTIALS_DIRECTORY": service?.credentials
        default: nil
        }
    }

    /// Where the daemon's secrets are.
    var secrets: SecretEnvironment {
        var environment = SecretEnvironment.process
        environment.variable = { [self] in variable($0) }
        return environment
    }

    /// Where the daemon keeps what must survive a restart. Nil: nowhere that could be told.
    func stateDirectory(of settings: Settings) -> String? {
        settings.stateDirectory(variable: variable)
    }

    /// The services' directory under its own name, whatever way leads there.
    private static func absolute(_ file: String) -> String {
        let name = file.split(separator: "/", omittingEmptySubsequences: false).last ?? ""
        let directory = resolved(file.dropLast(name.count).isEmpty ? "." : String(file.dropLast(name.count)))
        guard let directory else { return file }
        let isServices = directory == resolved(ServiceDirectories.configuration)
        return (isServices ? ServiceDirectories.configuration : directory) + "/" + name
    }

    private static func resolved(_ path: String) -> String? {
        guard let resolved = realpath(path, nil) else { return nil }
        defer { free(resolved) }
        return String(cString: resolved)
    }
}
