import Glibc
public import Logging
public import Settings

extension Logger {
    /// The program's own logger, by the settings.
    public static func program(_ settings: LogSettings) -> Logger {
        let format: LogOutput.Format =
            switch settings.format {
            case .auto: .automatic { getenv($0).map { String(cString: $0) } }
            case .text: .text
            case .json: .json
            case .journald: .journald
            }
        let level = Logger.Level(rawValue: settings.level.rawValue) ?? .info
        return Logger(label: "pulld") { _ in LogOutput(format: format, level: level) }
    }
}
