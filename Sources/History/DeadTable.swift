import Delivery
import Events
public import Journal
import JSONText

/// Dead letters as a table for people, the columns as wide as they have to be:
///
/// ```
/// NUMBER  SINK  PORTAL  EVENT             DIED                 ATTEMPTS  REASON
///    #41  app   acme    crm/deal.updated  2026-11-22 14:03:12         6  500 Internal Server Error
///    #57  app   acme    shop/order.paid   2026-11-22 14:05:40         6  no answer within 30 s (to be sent again)
/// ```
public struct DeadTable: Sendable {
    private var rows = [["NUMBER", "SINK", "PORTAL", "EVENT", "DIED", "ATTEMPTS", "REASON"]]
    private let time: LocalTime

    public init(time: LocalTime = .system) {
        self.time = time
    }

    public mutating func add(_ letter: DeadLetter) {
        let reason = PrintableText.of(letter.reason).shortened(60)
        rows.append([
            "#\(letter.batch.firstSequence)", PrintableText.of(letter.sink), PrintableText.of(letter.batch.portal),
            letter.batch.eventName(0).shortened(40), time.dateAndTime(letter.diedAt), "\(letter.attempts)",
            letter.isRetryRequested ? reason + " (to be sent again)" : reason,
        ])
    }

    public func text(isColoured: Bool) -> String {
        let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        return rows.enumerated().map { number, row in
            Self.line(row, widths, isColoured: isColoured, isTitle: number == 0)
        }.joined()
    }

    private static func line(_ row: [String], _ widths: [Int], isColoured: Bool, isTitle: Bool) -> String {
        var line = StyledLine()
        let styles: [TextStyle] = [.dim, .cyan, .cyan, .green, .dim, .plain, .yellow]
        for (column, text) in row.enumerated() {
            let isNumber = column == 0 || column == 5
            let cell = isNumber ? text.aligned(widths[column]) : text.padded(widths[column])
            line.add(cell, isTitle ? .bold : styles[column])
            line.add("  ")
        }
        return line.text(isColoured: isColoured)
    }
}

extension DeadLetter {
    /// All that is known of one, and the event's line:
    ///
    /// ```
    /// dead letter #41 of sink app
    ///   event     crm/deal.updated of portal acme, mid 17000000000000000000000042
    ///   received  2026-11-22 14:03:10
    ///   died      2026-11-22 14:03:41 after 6 attempts
    ///   reason    500 Internal Server Error
    ///   {"seq":41,"portal":"acme",…}
    /// ```
    public func detail(isColoured: Bool, time: LocalTime = .system) -> String {
        var title = StyledLine()
        title.add("dead letter #\(batch.firstSequence) of sink \(PrintableText.of(sink))", .bold)
        var lines = [title]
        func add(_ name: String, _ value: String, _ style: TextStyle = .plain) {
            var line = StyledLine()
            line.add("  " + name.padded(10), .dim)
            line.add(value, style)
            lines.append(line)
        }
        let mid = batch.events.first?.id.map { ", mid \($0)" } ?? ""
        add("event", "\(batch.eventName(0)) of portal \(PrintableText.of(batch.portal))\(mid)", .green)
        add("received", time.dateAndTime(batch.receivedAt))
        add("died", "\(time.dateAndTime(diedAt)) after \(attempts.of("attempt"))")
        add("reason", PrintableText.of(reason), .yellow)
        if isRetryRequested { add("retry", "asked for; the daemon sends it when it runs") }
        var event = StyledLine()
        event.add("  " + PrintableText.of(String(decoding: eventLine, as: UTF8.self)))
        lines.append(event)
        return lines.map { $0.text(isColoured: isColoured) }.joined()
    }

    /// An object and a line feed:
    ///
    /// ```
    /// {"seq":41,"sink":"app","died_at":"2026-11-22T14:03:41.000000Z","attempts":6,"reason":"500 Internal Server Error",
    ///  "retry_requested":false,"event":{"seq":41,"portal":"acme",…}}⏎
    /// ```
    ///
    /// `event` is the event as in the line of a file sink.
    public func line() -> [UInt8] {
        var line = Array(#"{"seq":\#(batch.firstSequence),"sink":"#.utf8)
        JSONEscape.appendString(sink, to: &line)
        line += Array(#","died_at":""#.utf8) + Timestamp.text(microseconds: diedAt)
        line += Array(#"","attempts":\#(attempts),"reason":"#.utf8)
        JSONEscape.appendString(reason, to: &line)
        line += Array(#","retry_requested":\#(isRetryRequested),"event":"#.utf8)
        line += eventLine
        line += Array("}\n".utf8)
        return line
    }

    /// Without its line feed.
    private var eventLine: [UInt8] {
        var buffer = OutputBuffer(capacity: 4096)
        EventLine(batch).append(0..<1, to: &buffer)
        let line = buffer.withUnsafeBytes { [UInt8]($0.dropLast()) }
        return line.isEmpty ? Array("null".utf8) : line
    }
}
