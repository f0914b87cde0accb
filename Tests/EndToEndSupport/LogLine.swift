import Foundation

/// A line of the daemon's own log, written as JSON.
public struct LogLine: Sendable, CustomStringConvertible {
    public var level: String
    public var message: String
    /// Everything else.
    public var fields: [String: String]

    public var cause: String { fields["cause"] ?? "" }
    public var cure: String { fields["cure"] ?? "" }
    public var retryIn: Double? { fields["retry_in_s"].flatMap { Double($0) } }
    public var time: Date? { fields["time"].flatMap { ISO8601DateFormatter().date(from: $0) } }
    public var isTrouble: Bool { ["warning", "error", "critical"].contains(level) }

    public var description: String { "\(level) \(message) \(fields)" }

    public static func lines(of text: String) -> [LogLine] {
        text.split(separator: "\n").compactMap { line in
            guard let object = try? JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: String] else {
                return nil
            }
            var fields = object
            let level = fields.removeValue(forKey: "level")
            let message = fields.removeValue(forKey: "message")
            return LogLine(level: level ?? "", message: message ?? "", fields: fields)
        }
    }
}
