import Foundation

/// The lines of a file sink, or of standard output, held against what was published.
public struct EventFile: Sendable {
    public struct Line: Sendable {
        public var mid: String?
        public var portal: String?
        public var command: String?
        public var sequence: Int?
        /// The member of `params` that the test numbers its events with, as text.
        public var key: String?
        /// Unix seconds.
        public var receivedAt: Double?
        public var gap: Gap?
        public var isGap: Bool { gap != nil }
    }

    /// What cannot be had any more, as a line tells it.
    public struct Gap: Sendable, Hashable {
        public var reason: String
        /// The last message before it, and the first behind it; nil where it is not known.
        public var after: String?
        public var before: String?

        public init(reason: String, after: String?, before: String?) {
            self.reason = reason
            self.after = after
            self.before = before
        }

        /// Whether a message with this id may be among the missing.
        public func covers(_ mid: String) -> Bool {
            after.map { $0 < mid } ?? true && before.map { mid < $0 } ?? true
        }
    }

    /// What is wrong with a file, in figures. Everything 0 but the first two: each event stands there once, in order.
    public struct Comparison: Sendable, Hashable, CustomStringConvertible {
        public var published = 0
        public var lines = 0
        /// Published, and in no line.
        public var missing = 0
        /// Lines whose event stood in an earlier line already.
        public var duplicated = 0
        /// Lines that are no JSON object, and a last line without its line feed.
        public var torn = 0
        /// Lines of events that were never published by the ledger.
        public var foreign = 0
        /// Lines whose event was published before that of an earlier line.
        public var outOfOrder = 0

        /// Exactly what was published, once each, in any order.
        public var isComplete: Bool { missing == 0 && duplicated == 0 && torn == 0 && foreign == 0 }

        public var description: String {
            """
            published \(published), lines \(lines), missing \(missing), duplicated \(duplicated), torn \(torn), \
            foreign \(foreign), out of order \(outOfOrder)
            """
        }
    }

    /// In the order of the file. Gap records among them.
    public var lines: [Line] = []
    public var torn = 0

    /// - Parameter keyName: the member of `params` to be read into `Line.key`.
    public init(contentsOf path: String, keyName: String = "n") {
        self.init(data: FileManager.default.contents(atPath: path) ?? Data(), keyName: keyName)
    }

    /// The file and those that it was before: `PATH.1`, the youngest, `PATH.2` and so on, oldest first. Each begins and ends
    /// with a whole line, or the line counts as torn.
    public init(rotated path: String, keyName: String = "n") {
        for part in Self.parts(of: path) {
            let file = EventFile(contentsOf: part, keyName: keyName)
            lines += file.lines
            torn += file.torn
        }
    }

    /// Paths of a file and its predecessors, oldest first.
    public static func parts(of path: String) -> [String] {
        var parts = [path]
        while FileManager.default.fileExists(atPath: "\(path).\(parts.count)") {
            parts.append("\(path).\(parts.count)")
        }
        return parts.reversed()
    }

    public init(data: Data, keyName: String = "n") {
        var pieces = data.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        if let last = pieces.popLast(), !last.isEmpty { torn += 1 }
        lines.reserveCapacity(pieces.count)
        for piece in pieces {
            guard let object = try? JSONSerialization.jsonObject(with: Data(piece)) as? [String: Any] else {
                torn += 1
                continue
            }
            lines.append(Line(object, keyName: keyName))
        }
    }

    public var gaps: [Gap] { lines.compactMap(\.gap) }

    /// Lines whose sequence number does not follow that of the line before.
    public var sequenceBreaks: Int {
        zip(lines, lines.dropFirst()).count { ($0.sequence ?? 0) + 1 != $1.sequence }
    }

    /// Compares with the keys of the published events, in the order of publishing.
    ///
    /// - Parameter identity: what tells a line's event: `\.key`, or `\.mid`. Lines without it are foreign, gap records
    ///   are left out.
    public func compared(
        with ledger: [String], by identity: (Line) -> String? = { $0.key }
    ) -> Comparison {
        var comparison = Comparison(published: ledger.count, lines: lines.count, torn: torn)
        let places = Dictionary(zip(ledger, ledger.indices), uniquingKeysWith: { first, _ in first })
        var seen: Set<String> = []
        var furthest = -1
        for line in lines where !line.isGap {
            guard let key = identity(line), let place = places[key] else {
                comparison.foreign += 1
                continue
            }
            guard seen.insert(key).inserted else {
                comparison.duplicated += 1
                continue
            }
            if place < furthest { comparison.outOfOrder += 1 }
            furthest = max(furthest, place)
        }
        comparison.missing = places.count - seen.count
        return comparison
    }

    /// Compares with what a sandbox has published, by message id.
    public func compared(with published: [SandboxProcess.Published]) -> Comparison {
        compared(with: published.map(\.mid), by: { $0.mid })
    }

    /// Seconds from the publishing of each event to its being received, for lines that the ledger knows.
    ///
    /// - Parameter published: time of publishing by message id.
    public func delays(since published: [String: Double]) -> [(publishedAt: Double, delay: Double)] {
        lines.compactMap { line in
            guard let mid = line.mid, let time = published[mid], let received = line.receivedAt else { return nil }
            return (time, received - time)
        }
    }
}

extension EventFile.Line {
    init(_ object: [String: Any], keyName: String) {
        let params = object["params"] as? [String: Any]
        mid = object["mid"] as? String
        portal = object["portal"] as? String
        command = object["command"] as? String
        sequence = object["seq"] as? Int
        key = params?[keyName].map { "\($0)" }
        receivedAt = (object["received_at"] as? String).flatMap(Self.unixSeconds)
        if let gap = object["gap"] {
            let members = gap as? [String: Any]
            self.gap = EventFile.Gap(
                reason: members?["reason"] as? String ?? "", after: members?["after"] as? String,
                before: members?["before"] as? String)
        }
    }

    /// `2026-11-22T09:00:00.123456Z`
    private static func unixSeconds(_ text: String) -> Double? {
        let parts = text.split { "-T:Z".contains($0) }
        guard parts.count == 6, let second = Double(parts[5]) else { return nil }
        let numbers = parts.prefix(5).compactMap { Int32($0) }
        guard numbers.count == 5 else { return nil }
        var moment = tm()
        (moment.tm_year, moment.tm_mon, moment.tm_mday) = (numbers[0] - 1900, numbers[1] - 1, numbers[2])
        (moment.tm_hour, moment.tm_min) = (numbers[3], numbers[4])
        return Double(timegm(&moment)) + second
    }
}
