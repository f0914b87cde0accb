public import Admin

/// A status report for people: one look tells whether all is well, and if not, where.
///
/// ```
/// pulld 0.1.0  ready  1 of 2 portals live; b: dns: no such host
/// pid 41, up 1h 0m, 17 MiB resident
///
/// PORTAL  STATE    TRANSPORT  LAST CONTACT  EVENTS
/// acme    live     websocket  1.2 s ago         90  for 59m, channels end in 10h 6m
/// b       waiting             never                 dns: no such host
///
/// SINK  DELIVERED  PENDING  DEAD  FILTERED
/// app          50       30     1        10  blocked for 10m: unreachable: connect: refused (start it)
/// log          91        0     0         0
///
/// journal  91 events, 4 KiB of 1 GiB
/// ```
public struct StatusScreen: Sendable {
    private typealias Cell = (text: String, style: TextStyle)

    private let report: StatusReport

    public init(_ report: StatusReport) {
        self.report = report
    }

    public func text(isColoured: Bool) -> String {
        let empty = [StyledLine()]
        let lines = head + empty + portals + empty + sinks + empty + journal
        return lines.map { $0.text(isColoured: isColoured) }.joined()
    }

    // MARK: parts

    private var head: [StyledLine] {
        var first = StyledLine()
        first.add("pulld \(PrintableText.of(report.version))", .bold)
        first.add("  ")
        first.add(report.isReady ? "ready" : "not ready", report.isReady ? .good : .bad)
        first.add("  \(PrintableText.of(report.summary))")
        var second = StyledLine()
        var text = "pid \(report.pid), up \(Self.span(report.now - report.startedAt))"
        if let process = report.process { text += ", \(Self.size(process.residentMemory)) resident" }
        second.add(text, .dim)
        return [first, second]
    }

    private var portals: [StyledLine] {
        let rows = report.portals.map { portal -> [Cell] in
            let style: TextStyle =
                switch portal.state {
                case .live: .good
                case .starting: .yellow
                case .waiting, .stopped: .bad
                }
            return [
                (PrintableText.of(portal.name), .cyan), (portal.state.rawValue, style),
                (portal.state == .live ? portal.transport?.rawValue ?? "" : "", .plain),
                (portal.lastContact.map { "\(age(of: $0)) ago" } ?? "never", .plain),
                (portal.messages.map { "\($0.journaled)" } ?? "", .plain),
                (remark(on: portal), portal.cause == nil ? .dim : .yellow),
            ]
        }
        return Self.table(["PORTAL", "STATE", "TRANSPORT", "LAST CONTACT", "EVENTS", ""], rows, numbers: [4])
    }

    private func remark(on portal: StatusReport.Portal) -> String {
        var parts: [String] = []
        if let cause = portal.cause { parts.append(PrintableText.of(cause)) }
        if let since = portal.liveSince { parts.append("for \(age(of: since))") }
        if let end = portal.channels.map(\.end).min() {
            parts.append(end > report.now ? "channels end in \(Self.span(end - report.now))" : "a channel has ended")
        }
        if let gaps = portal.messages?.gaps, gaps > 0 { parts.append(Int(clamping: gaps).of("gap")) }
        if let heartbeat = portal.heartbeat {
            if let trip = heartbeat.roundTrip, let last = heartbeat.lastReturn {
                parts.append("heartbeat \(Int((trip * 1000).rounded())) ms, \(age(of: last)) ago")
            } else {
                parts.append("no heartbeat yet")
            }
        }
        return parts.joined(separator: ", ")
    }

    private var sinks: [StyledLine] {
        let rows = report.sinks.map { sink -> [Cell] in
            var remark: Cell = ("", .plain)
            if let blockade = sink.blockade {
                let cure = blockade.cure.isEmpty ? "" : " (\(PrintableText.of(blockade.cure)))"
                let reason = "\(PrintableText.of(blockade.code)): \(PrintableText.of(blockade.reason))"
                remark = ("blocked for \(age(of: blockade.since)): \(reason)\(cure)", .yellow)
            } else if sink.deadLetters > 0 {
                remark = ("\(Int(clamping: sink.deadLetters).of("dead letter")): see pulld dead", .yellow)
            }
            return [
                (PrintableText.of(sink.name), .cyan), ("\(sink.delivered)", .plain),
                ("\(sink.pending)", sink.blockade == nil ? .plain : .yellow),
                ("\(sink.dead)", sink.dead == 0 ? .plain : .bad), ("\(sink.filtered)", .plain), remark,
            ]
        }
        return Self.table(["SINK", "DELIVERED", "PENDING", "DEAD", "FILTERED", ""], rows, numbers: [1, 2, 3, 4])
    }

    private var journal: [StyledLine] {
        let journal = report.journal
        var line = StyledLine()
        line.add("journal  ", .dim)
        var text = "\(Int(clamping: journal.records).of("event")), \(Self.size(journal.size))"
        if journal.sizeLimit > 0 { text += " of \(Self.size(journal.sizeLimit))" }
        if journal.held > 0 { text += ", \(Self.size(journal.held)) on the way to disk" }
        if journal.dropped > 0 { text += ", \(journal.dropped) dropped because it was full" }
        line.add(text)
        if journal.isPaused { line.add("  intake waits for the disk", .yellow) }
        guard let trouble = journal.trouble else { return [line] }
        var second = StyledLine()
        let cure = trouble.cure.isEmpty ? "" : " (\(PrintableText.of(trouble.cure)))"
        second.add("         \(PrintableText.of(trouble.message))\(cure)", .bad)
        return [line, second]
    }

    // MARK: forms

    private static func table(_ titles: [String], _ rows: [[Cell]], numbers: Set<Int>) -> [StyledLine] {
        let all = [titles.map { ($0, TextStyle.bold) as Cell }] + rows
        let widths = titles.indices.map { column in all.map { $0[column].text.count }.max() ?? 0 }
        return all.map { row in
            var line = StyledLine()
            for (column, cell) in row.enumerated() {
                if column > 0 { line.add("  ") }
                let isNumber = numbers.contains(column)
                line.add(isNumber ? cell.text.aligned(widths[column]) : cell.text.padded(widths[column]), cell.style)
            }
            return line
        }
    }

    private func age(of moment: Double) -> String { Self.span(report.now - moment) }

    /// `0.4 s`, `12 s`, `5m`, `2h 3m`, `4d 1h`.
    static func span(_ seconds: Double) -> String {
        guard seconds.isFinite else { return "?" }
        let seconds = max(0, min(seconds, 1e12))
        if seconds < 9.95 {
            let tenths = Int((seconds * 10).rounded())
            return "\(tenths / 10).\(tenths % 10) s"
        }
        let whole = Int(seconds.rounded())
        switch whole {
        case ..<120: return "\(whole) s"
        case ..<3600: return "\(whole / 60)m"
        case ..<86_400: return "\(whole / 3600)h \(whole % 3600 / 60)m"
        default: return "\(whole / 86_400)d \(whole % 86_400 / 3600)h"
        }
    }

    /// `512 B`, `4 KiB`, `17 MiB`.
    static func size(_ bytes: UInt64) -> String {
        var (value, unit) = (Double(bytes), 0)
        let units = ["B", "KiB", "MiB", "GiB", "TiB"]
        while value >= 1024, unit < units.count - 1 {
            value /= 1024
            unit += 1
        }
        let tenths = Int((value * 10).rounded())
        return tenths < 100 && tenths % 10 != 0 && unit > 0
            ? "\(tenths / 10).\(tenths % 10) \(units[unit])" : "\(Int(value.rounded())) \(units[unit])"
    }
}
