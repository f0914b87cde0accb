import Glibc
public import Logging
public import Timing

/// Where the program's own log goes: one line a record on standard error. Warnings that come again and again are summed up
/// once a minute (`LogRepeats`).
public struct LogOutput: LogHandler {
    public enum Format: Sendable {
        /// `2026-11-22T09:00:00Z info acme: subscribed transport=websocket`
        case text
        /// One JSON object a line.
        case json
        /// As text, with the priority prefix of sd-daemon(3) and without a time, which the journal has itself.
        case journald

        /// journald where standard error is the journal's socket, text on a terminal, else JSON.
        public static func automatic(variable: (String) -> String?) -> Format {
            if isJournal(variable("JOURNAL_STREAM")) { return .journald }
            return isatty(2) == 1 ? .text : .json
        }

        private static func isJournal(_ stream: String?) -> Bool {
            var status = stat()
            guard let stream, fstat(2, &status) == 0 else { return false }
            return stream == "\(status.st_dev):\(status.st_ino)"
        }
    }

    public var logLevel: Logger.Level {
        get { ownLevel ?? threshold.level }
        set { ownLevel = newValue }
    }
    public var metadata: Logger.Metadata = [:]
    private let threshold: LogThreshold
    private var ownLevel: Logger.Level?
    private let format: Format
    private let descriptor: Int32
    private let time: TimeSource
    /// Nil for the sums themselves.
    private let repeats: LogRepeatFilter?

    public init(format: Format, threshold: LogThreshold, descriptor: Int32 = 2, time: TimeSource = .system) {
        let sums = LogOutput(format, threshold, descriptor, time, repeats: nil)
        let repeats = LogRepeatFilter(time: time) { sums.write($0) }
        self.init(format, threshold, descriptor, time, repeats: repeats)
    }

    private init(
        _ format: Format, _ threshold: LogThreshold, _ descriptor: Int32, _ time: TimeSource, repeats: LogRepeatFilter?
    ) {
        self.format = format
        self.threshold = threshold
        self.descriptor = descriptor
        self.time = time
        self.repeats = repeats
    }

    public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    public func log(event: LogEvent) {
        var all = metadata
        if let own = event.metadata { all.merge(own) { $1 } }
        if let repeats, let kind = LogRepeats.Kind(event.level, event.message, all), !repeats.admits(kind) { return }
        write(event.level, event.message, all)
    }

    private func write(_ sum: LogRepeats.Sum) {
        var metadata: Logger.Metadata = ["of": "\(sum.kind.message)", "times": "\(sum.count)"]
        if !sum.kind.portal.isEmpty { metadata["portal"] = "\(sum.kind.portal)" }
        if !sum.kind.sink.isEmpty { metadata["sink"] = "\(sum.kind.sink)" }
        write(sum.kind.level, "repeated", metadata)
    }

    private func write(_ level: Logger.Level, _ message: Logger.Message, _ metadata: Logger.Metadata) {
        let line =
            switch format {
            case .text: "\(stamp()) \(level) \(sentence(message, metadata))\n"
            case .json: json(level, message, metadata)
            case .journald: "<\(priority(level))>\(sentence(message, metadata))\n"
            }
        write(line)
    }

    /// One call a line, so that lines of several threads do not mix.
    private func write(_ line: String) {
        var line = line
        line.withUTF8 { bytes in
            var rest = UnsafeRawBufferPointer(bytes)
            while let base = rest.baseAddress, !rest.isEmpty {
                let count = Glibc.write(descriptor, base, rest.count)
                if count < 0 && errno == EINTR { continue }
                // A log that cannot be written must not hold up the daemon.
                if count <= 0 { return }
                rest = UnsafeRawBufferPointer(rebasing: rest[count...])
            }
        }
    }

    private func sentence(_ message: Logger.Message, _ metadata: Logger.Metadata) -> String {
        var metadata = metadata
        var line = metadata.removeValue(forKey: "portal").map { "\($0): " } ?? ""
        line += oneLine(message.description)
        for (key, value) in metadata.sorted(by: { $0.key < $1.key }) {
            let text = oneLine(value.description)
            let needsQuotes = text.isEmpty || text.contains { $0 == " " || $0 == "\"" || $0 == "=" }
            line += needsQuotes ? " \(key)=\"\(text.replacing("\"", with: "'"))\"" : " \(key)=\(text)"
        }
        return line
    }

    /// What comes from outside can hold anything; a record stays one line.
    private func oneLine(_ text: String) -> String {
        String(String.UnicodeScalarView(text.unicodeScalars.map { $0.value < 0x20 || $0.value == 0x7F ? " " : $0 }))
    }

    private func json(_ level: Logger.Level, _ message: Logger.Message, _ metadata: Logger.Metadata) -> String {
        var members = [("time", stamp()), ("level", level.rawValue), ("message", message.description)]
        members += metadata.sorted { $0.key < $1.key }.map { ($0.key, $0.value.description) }
        return "{" + members.map { "\(quoted($0.0)):\(quoted($0.1))" }.joined(separator: ",") + "}\n"
    }

    private func quoted(_ text: String) -> String {
        "\"" + oneLine(text).replacing("\\", with: "\\\\").replacing("\"", with: "\\\"") + "\""
    }

    private func stamp() -> String { MomentText.text(time.now().wall) }

    private func priority(_ level: Logger.Level) -> Int {
        switch level {
        case .critical: 2
        case .error: 3
        case .warning: 4
        case .notice: 5
        case .info: 6
        case .debug, .trace: 7
        }
    }
}
