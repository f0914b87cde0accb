import Foundation

/// The lines of a file sink, or of standard output, held against what was published.
public struct EventFile: Sendable {
    public struct Line: Sendable {
        public var mid: String?
        public var command: String?
        public var sequence: Int?
        /// The member of `params` that the test numbers its events with, as text.
        public var key: String?
        public var isGap: Bool
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

    public init(data: Data, keyName: String = "n") {
        var pieces = data.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        if let last = pieces.popLast(), !last.isEmpty { torn += 1 }
        lines.reserveCapacity(pieces.count)
        for piece in pieces {
            guard let object = try? JSONSerialization.jsonObject(with: Data(piece)) as? [String: Any] else {
                torn += 1
                continue
            }
            let params = object["params"] as? [String: Any]
            lines.append(
                Line(
                    mid: object["mid"] as? String, command: object["command"] as? String,
                    sequence: object["seq"] as? Int, key: params?[keyName].map { "\($0)" },
                    isGap: object["gap"] != nil))
        }
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
}
