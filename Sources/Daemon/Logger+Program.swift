import Glibc
public import Logging
public import Settings

extension Logger {
    /// The program's own logger, by the settings.
    ///
    /// - Parameter threshold: takes the place of the settings' level, and can be changed later.
    public static func program(_ settings: LogSettings, threshold: LogThreshold? = nil) -> Logger {
        let format: LogOutput.Format =
            switch settings.format {
            case .auto: .automatic { getenv($0).map { String(cString: $0) } }
            case .text: .text
            case .json: .json
            case .journald: .journald
            }
        let threshold = threshold ?? LogThreshold(settings)
        return Logger(label: "pulld") { _ in LogOutput(format: format, threshold: threshold) }
    }
}
