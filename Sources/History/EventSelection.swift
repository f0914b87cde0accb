public import Delivery
public import Events
import Glibc
import JSONText

/// Which events of a journal somebody wants to see, to send again, or to decide about. Everything that is given must hold;
/// what is empty or nil holds always.
public struct EventSelection: Sendable {
    /// What becomes of gap records, which have no module, command or mid.
    public enum GapRule: Sendable {
        /// They pass these three: what is missing may have been what is looked for.
        case always
        /// Nothing else passes.
        case only
        /// They pass when none of the three is asked for.
        case unlessNamed
    }

    /// From there on; a moment is the first event received then or later.
    public var since: TimeArgument?
    /// Up to there: with that number, and before that moment.
    public var until: TimeArgument?
    /// Any of these.
    public var sequences: [SequenceRange] = []
    public var ids: MessageIDRange?
    /// Stands in the event's line, as written or with its escapes (`\u…`, `\/`) resolved.
    public var text = ""
    public var gaps: GapRule
    /// What a sink gets at all, when it is for one.
    public var sink = EventFilter.all
    private let filter: EventFilter
    private let isNamed: Bool
    private let isOfPortals: Bool

    /// - Parameters:
    ///   - portals: names; any of them.
    ///   - modules: globs; any of them. `*` stands for any characters, `?` for one.
    ///   - commands: the same.
    public init(portals: [String] = [], modules: [String] = [], commands: [String] = [], gaps: GapRule = .always) {
        var patterns: [String] = []
        if !modules.isEmpty || !commands.isEmpty {
            for module in modules.isEmpty ? ["*"] : modules {
                for command in commands.isEmpty ? ["*"] : commands { patterns.append("\(module)/\(command)") }
            }
        }
        filter = EventFilter(portals: portals.isEmpty ? nil : Set(portals), include: patterns)
        isNamed = !patterns.isEmpty
        isOfPortals = !portals.isEmpty
        self.gaps = gaps
    }

    /// Nothing is asked for: all events are meant.
    public var isEverything: Bool {
        since == nil && until == nil && sequences.isEmpty && ids == nil && text.isEmpty && gaps != .only && !isNamed
            && !isOfPortals
    }

    /// The places in the batch of the events that are meant. `since` and `until` are not looked at.
    public func indices(in batch: EventBatch) -> [Int] {
        guard filter.admits(portal: batch.portal), sink.admits(portal: batch.portal) else { return [] }
        let chosen = batch.bytes.withUnsafeBufferPointer { bytes in
            batch.events.indices.filter { passes(batch.events[$0], batch.firstSequence &+ UInt64($0), in: bytes) }
        }
        return text.isEmpty ? chosen : withText(chosen, of: batch)
    }

    private func passes(_ event: Event, _ number: UInt64, in bytes: UnsafeBufferPointer<UInt8>) -> Bool {
        guard sequences.isEmpty || sequences.contains(where: { $0.numbers.contains(number) }) else { return false }
        if event.shape == .gap {
            switch gaps {
            case .always, .only: return true
            case .unlessNamed: return !isNamed && ids == nil
            }
        }
        guard gaps != .only else { return false }
        if let ids {
            guard let id = event.id, ids.ids.contains(id) else { return false }
        }
        return filter.passes(event, in: bytes) && sink.passes(event, in: bytes)
    }

    private func withText(_ indices: [Int], of batch: EventBatch) -> [Int] {
        let line = EventLine(batch)
        var buffer = OutputBuffer()
        let wanted = Array(text.utf8)
        return indices.filter { index in
            buffer.removeAll()
            line.append(index..<index + 1, to: &buffer)
            return buffer.withUnsafeBytes { bytes in
                if Self.holds(bytes, wanted) { return true }
                guard let base = bytes.baseAddress, memchr(base, 0x5C, bytes.count) != nil else { return false }
                return JSONEscape.text(of: bytes).utf8.withContiguousStorageIfAvailable {
                    Self.holds(UnsafeRawBufferPointer($0), wanted)
                } ?? false
            }
        }
    }

    private static func holds(_ bytes: UnsafeRawBufferPointer, _ wanted: [UInt8]) -> Bool {
        guard let first = wanted.first else { return true }
        var rest = bytes
        while rest.count >= wanted.count, let base = rest.baseAddress,
            let hit = memchr(base, Int32(first), rest.count - wanted.count + 1)
        {
            if memcmp(hit, wanted, wanted.count) == 0 { return true }
            rest = UnsafeRawBufferPointer(rebasing: rest[(UnsafeRawPointer(hit) - base + 1)...])
        }
        return false
    }
}
