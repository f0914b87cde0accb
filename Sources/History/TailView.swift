public import Events
import JSONText

/// Events as lines for people, under a line with the date whenever that changes:
///
/// ```
/// 2026-11-22
/// 14:03:12.345  acme   #41  crm/deal.updated      deal 204  stage WON
/// 14:03:15.001  acme   #42  GAP  history-limit: up to 12 events of the private channel are missing
/// └ local time  └ portal    └ module/command      └ params, short
///                      └ number
/// ```
public struct TailView: Sendable {
    /// When the terminal does not say how wide it is.
    private static let usualWidth = 120
    private static let nameWidth = 24

    private let isColoured: Bool
    private let width: Int
    private let time: LocalTime
    private var portalWidth: Int
    private var numberWidth = 4
    private var date = ""

    /// - Parameters:
    ///   - width: characters in a line; nil: unknown.
    ///   - portals: names that may come, so that columns stand from the beginning.
    public init(isColoured: Bool, width: Int? = nil, time: LocalTime = .system, portals: [String] = []) {
        self.isColoured = isColoured
        self.width = max(40, width ?? Self.usualWidth)
        self.time = time
        portalWidth = min(20, portals.map { PrintableText.of($0).count }.max() ?? 0)
    }

    /// The lines for one event of the batch, which must have it.
    public mutating func text(for index: Int, of batch: EventBatch) -> String {
        var text = ""
        let date = time.date(batch.receivedAt)
        if date != self.date {
            self.date = date
            var headline = StyledLine()
            headline.add(date, .dim)
            text += headline.text(isColoured: isColoured)
        }
        return text + line(for: index, of: batch).text(isColoured: isColoured)
    }

    private mutating func line(for index: Int, of batch: EventBatch) -> StyledLine {
        let portal = PrintableText.of(batch.portal).shortened(20)
        let number = "#\(batch.firstSequence &+ UInt64(index))"
        portalWidth = max(portalWidth, portal.count)
        numberWidth = max(numberWidth, number.count)
        var line = StyledLine()
        line.add(time.clock(batch.receivedAt) + "  ", .dim)
        line.add(portal.padded(portalWidth) + "  ", .cyan)
        line.add(number.aligned(numberWidth) + "  ", .dim)
        let event = batch.events[index]
        if event.shape == .gap {
            line.add("GAP", .bad)
            line.add("  " + Self.gap(event, in: batch), .yellow)
            return line
        }
        let room = max(20, width - line.width - Self.nameWidth - 2)
        let summary = batch.bytes.withUnsafeBytes { EventSummary(event, in: $0, width: room) }
        let name = summary.name.isEmpty ? "(no command)" : summary.name
        line.add(name.shortened(2 * Self.nameWidth).padded(Self.nameWidth), .green)
        for (key, value) in summary.members {
            line.add("  " + key + (key.isEmpty || value.isEmpty ? "" : " "), .dim)
            line.add(value)
        }
        return line
    }

    /// What is missing, in words. The record's members that are unknown, or not what they should be, are left out.
    private static func gap(_ event: Event, in batch: EventBatch) -> String {
        let body = batch.bytes.withUnsafeBytes { bytes -> JSONValue? in
            let range = event.body
            guard range.start <= range.end, Int(range.end) <= bytes.count else { return nil }
            return JSONValue.parse(UnsafeRawBufferPointer(rebasing: bytes[range.range]))
        }
        var text = PrintableText.of(body?["reason"]?.string ?? "unknown") + ": "
        text += body?["events"]?.lenientInt.map { "up to \($0.of("event"))" } ?? "events"
        if let channel = body?["channel"]?.string { text += " of the \(PrintableText.of(channel)) channel" }
        text += " missing"
        let (after, before) = (body?["after"]?.string, body?["before"]?.string)
        if let after { text += ", after \(PrintableText.of(after))" }
        if let before { text += "\(after == nil ? "," : " and") before \(PrintableText.of(before))" }
        return text
    }
}
