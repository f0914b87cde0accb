import Logging
import Timing

/// Keeps a message that comes again and again from filling the log: after so many of one kind within a minute the rest of
/// that minute is counted, and told in one line. Pure: it holds no clock.
///
/// Messages are constant texts, so the text, the level, the portal and the sink make a kind; what else is said with it
/// does not.
struct LogRepeats {
    struct Kind: Hashable {
        var level: Logger.Level
        var message: String
        var portal: String
        var sink: String

        /// Nil for what is never held back: lines below a warning, of which there are few or which were asked for, and those
        /// of no portal and no sink, which nothing outside can make come again and again.
        init?(_ level: Logger.Level, _ message: Logger.Message, _ metadata: Logger.Metadata) {
            let portal = metadata["portal"]?.description ?? ""
            let sink = metadata["sink"]?.description ?? ""
            guard level >= .warning, !portal.isEmpty || !sink.isEmpty else { return nil }
            self.init(level: level, message: message.description, portal: portal, sink: sink)
        }

        init(level: Logger.Level, message: String, portal: String, sink: String) {
            self.level = level
            self.message = message
            self.portal = portal
            self.sink = sink
        }
    }

    /// What was held back of a kind.
    struct Sum: Hashable {
        var kind: Kind
        var count: Int
    }

    private struct Window {
        var end: Duration
        var written = 0
        var heldBack = 0
    }

    static let limit = 20
    static let length = Duration.seconds(60)
    /// Of kinds that are watched at a time; others are written.
    private static let capacity = 4096

    private var windows: [Kind: Window] = [:]
    /// When `takeDue` has something at the earliest; nil: nothing is held back.
    private(set) var due: Duration?

    /// Whether this one is written.
    mutating func admits(_ kind: Kind, at now: Duration) -> Bool {
        if windows[kind] == nil {
            if windows.count >= Self.capacity { windows = windows.filter { $1.end > now || $1.heldBack > 0 } }
            guard windows.count < Self.capacity else { return true }
        }
        var window = windows[kind] ?? Window(end: now + Self.length)
        if window.end <= now, window.heldBack == 0 { window = Window(end: now + Self.length) }
        // A sum that is due is told first, by `takeDue`.
        let isWritten = window.written < Self.limit
        if isWritten {
            window.written += 1
        } else {
            window.heldBack += 1
            due = min(due ?? window.end, window.end)
        }
        windows[kind] = window
        return isWritten
    }

    /// What was held back in minutes that are over, in a constant order.
    mutating func takeDue(at now: Duration) -> [Sum] {
        guard let due, due <= now else { return [] }
        var sums: [Sum] = []
        for (kind, window) in windows where window.heldBack > 0 && window.end <= now {
            sums.append(Sum(kind: kind, count: window.heldBack))
            windows[kind] = nil
        }
        self.due = windows.values.lazy.filter { $0.heldBack > 0 }.map(\.end).min()
        return sums.sorted {
            ($0.kind.message, $0.kind.portal, $0.kind.sink) < ($1.kind.message, $1.kind.portal, $1.kind.sink)
        }
    }
}
