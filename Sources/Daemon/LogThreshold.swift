public import Logging
public import Settings
import Synchronization

/// What the program's log holds at least: one for all its loggers, so that it can be changed while they are in use.
public final class LogThreshold: Sendable {
    private let current: Mutex<Logger.Level>

    public init(_ level: Logger.Level) {
        current = Mutex(level)
    }

    public var level: Logger.Level {
        get { current.withLock { $0 } }
        set { current.withLock { $0 = newValue } }
    }
}

extension LogThreshold {
    public convenience init(_ settings: LogSettings) {
        self.init(Logger.Level(settings.level))
    }
}

extension Logger.Level {
    init(_ level: LogSettings.Level) {
        self = Logger.Level(rawValue: level.rawValue) ?? .info
    }
}
