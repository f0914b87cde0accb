/// The configuration file as checked values. Secrets are still only named here; `SecretSource.resolve` reads them.
public struct Settings: Hashable, Sendable {
    /// The directory for what must survive a restart; absolute. Nil: see `stateDirectory(variable:)`.
    public var state: String?
    /// In the order of the file; at least one when they come from a file.
    public var portals: [PortalSettings]
    /// In the order of the file; at least one when they come from a file.
    public var sinks: [SinkSettings]
    public var journal: JournalSettings
    public var admin: AdminSettings
    public var log: LogSettings

    public init(
        state: String? = nil, portals: [PortalSettings], sinks: [SinkSettings],
        journal: JournalSettings = JournalSettings(), admin: AdminSettings = .usual, log: LogSettings = LogSettings()
    ) {
        self.state = state
        self.portals = portals
        self.sinks = sinks
        self.journal = journal
        self.admin = admin
        self.log = log
    }

    /// The state directory: `state`, else systemd's `$STATE_DIRECTORY` (the first of several), else
    /// `$XDG_STATE_HOME/pulld`, else `$HOME/.local/state/pulld` (XDG Base Directory Specification). Nil when none of
    /// these is an absolute path.
    public func stateDirectory(variable: (String) -> String?) -> String? {
        if let state { return state }
        func absolute(_ name: String) -> String? {
            guard let value = variable(name), value.hasPrefix("/") else { return nil }
            return value
        }
        if let directories = absolute("STATE_DIRECTORY") {
            return directories.split(separator: ":").first.map(String.init)
        }
        if let home = absolute("XDG_STATE_HOME") { return home + "/pulld" }
        if let home = absolute("HOME") { return home + "/.local/state/pulld" }
        return nil
    }
}

/// `journal:`
public struct JournalSettings: Hashable, Sendable {
    /// How long events stay that every sink has had: up to 1 year.
    public var keep: Duration
    /// Bytes of the journal file: 1 MiB to 1 TiB. What all sinks have had goes earlier when it would be exceeded; beyond
    /// that the oldest events go although a sink has not had them, and a gap record takes their place.
    public var size: UInt64

    public init(keep: Duration = .seconds(86_400), size: UInt64 = 1 << 30) {
        self.keep = keep
        self.size = size
    }
}

/// `log:`
public struct LogSettings: Hashable, Sendable {
    public enum Level: String, CaseIterable, Sendable {
        case trace, debug, info, notice, warning, error, critical
    }

    public enum Format: String, CaseIterable, Sendable {
        /// `text` on a terminal, `journald` under systemd, else `json`.
        case auto
        case text, json, journald
    }

    public var level: Level
    public var format: Format

    public init(level: Level = .info, format: Format = .auto) {
        self.level = level
        self.format = format
    }
}
