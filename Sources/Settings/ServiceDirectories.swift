/// What the service manager makes for the service that reads a configuration file in `/etc/pulld`, and tells to that
/// service alone: `pulld.service`, or an instance of the template `pulld@.service`. As their units say it
/// (systemd.exec(5): StateDirectory=, RuntimeDirectory=, LoadCredential=).
public struct ServiceDirectories: Hashable, Sendable {
    /// Where the services' files are.
    public static let configuration = "/etc/pulld"
    /// What `pulld.service` reads.
    public static let usualFile = configuration + "/pulld.yaml"

    private static let suffix = ".yaml"

    /// The service's `$STATE_DIRECTORY`. With a dynamic user it is a link into `/var/lib/private`.
    public let state: String
    /// The service's `$RUNTIME_DIRECTORY`.
    public let runtime: String
    /// Root's own directory from which the service's `$CREDENTIALS_DIRECTORY` is filled.
    public let credentials: String

    /// Nil: no service reads this file.
    ///
    /// - Parameter file: absolute.
    public init?(file: String) {
        guard file != Self.usualFile else {
            state = "/var/lib/pulld"
            runtime = "/run/pulld"
            credentials = Self.configuration + "/credentials"
            return
        }
        let prefix = Self.configuration + "/"
        guard file.hasPrefix(prefix), file.hasSuffix(Self.suffix) else { return nil }
        let instance = file.dropFirst(prefix.count).dropLast(Self.suffix.count)
        guard !instance.isEmpty, !instance.contains("/") else { return nil }
        state = "/var/lib/pulld@\(instance)"
        runtime = "/run/pulld@\(instance)"
        credentials = prefix + "\(instance).credentials"
    }
}
