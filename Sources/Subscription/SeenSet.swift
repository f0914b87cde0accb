import Events
import Journal

/// The messages received lately: (id, hash of the body). A lower id after a higher one is no repetition, and the same id
/// with another body is none either (a server's counter that went back), so it is a set and compares both.
///
/// It forgets by generations: the younger table fills for `span` or up to `limit` messages, then takes the place of the
/// older one. So a message is remembered for between one and two spans, or longer where `expire` is not called: while
/// marks wait for the disk nothing else knows them. `forgottenThrough` says up to which id the memory
/// is not complete: what it does not know at or below that is looked up on disk, where marks are kept for longer than
/// servers keep messages.
struct SeenSet {
    enum Finding {
        case new
        case repeated
        /// The id is known with another body.
        case conflicting
    }

    /// The marks on disk that have an id.
    typealias LookUp = (MessageID) -> [SeenMark]

    /// Of one table: 16 MiB of memory at most for each of the two.
    static let limit = 768 * 1024
    static let span = Duration.seconds(900)

    private var young = SeenTable()
    private var old = SeenTable()
    private var youngSince: Duration?
    private var highestOfYoung: MessageID?
    private var highestOfOld: MessageID?
    private(set) var forgottenThrough: MessageID?

    var count: Int { young.count + old.count }

    /// What an earlier run has seen. `through`: marks at or below it are not among them.
    mutating func restore(_ marks: [SeenMark], through: MessageID?, at now: Duration) {
        for mark in marks {
            guard let id = mark.id else { continue }
            _ = young.insert(Self.key(id, mark.hash), Self.mark(id, mark.hash))
            highestOfYoung = max(highestOfYoung ?? id, id)
        }
        if !marks.isEmpty { youngSince = now }
        forgottenThrough = through
    }

    mutating func insert(_ id: MessageID?, hash: UInt64, at now: Duration, lookUp: LookUp) -> Finding {
        let key = Self.key(id, hash)
        let mark = Self.mark(id, hash)
        if young.count >= Self.limit { turn(at: now) }
        if youngSince == nil { youngSince = now }
        // Not before the turn: it may just have put the message there.
        let before = old.count == 0 ? .new : old.find(key, mark)
        if before == .repeated { return .repeated }
        let finding = young.insert(key, mark)
        if finding == .repeated { return .repeated }
        if let id { highestOfYoung = max(highestOfYoung ?? id, id) }
        return stored(id, hash, lookUp) ?? (finding == .new ? before : finding)
    }

    /// Whether a message has been seen; changes nothing.
    func contains(_ id: MessageID?, hash: UInt64, lookUp: LookUp) -> Bool {
        let key = Self.key(id, hash)
        let mark = Self.mark(id, hash)
        if old.count > 0, old.find(key, mark) == .repeated { return true }
        if young.count > 0, young.find(key, mark) == .repeated { return true }
        return stored(id, hash, lookUp) == .repeated
    }

    /// Forgets what is due, so that a session that has become quiet does not keep what a busy time filled.
    mutating func expire(at now: Duration) {
        guard let since = youngSince, now - since >= Self.span else { return }
        turn(at: now)
        if count == 0 { youngSince = nil }
    }

    /// Ids of another generation are other ids, whatever their counters. Neighbours stay neighbours: the lowest three bits
    /// are the counter's.
    private static func key(_ id: MessageID?, _ hash: UInt64) -> UInt64 {
        guard let id else { return hash | 1 << 63 }
        return (id.counter ^ (id.generation &* 0x9E37_79B9_7F4A_7C15) & ~7) & ~(1 << 63)
    }

    private static func mark(_ id: MessageID?, _ hash: UInt64) -> UInt64 {
        id.map { hash ^ ($0.generation &* 0x9E37_79B9_7F4A_7C15) } ?? hash
    }

    /// What the disk says; nil where the memory is complete, or where it says nothing either.
    private func stored(_ id: MessageID?, _ hash: UInt64, _ lookUp: LookUp) -> Finding? {
        guard let id, let forgottenThrough, id <= forgottenThrough else { return nil }
        let marks = lookUp(id)
        if marks.contains(where: { $0.hash == hash }) { return .repeated }
        return marks.isEmpty ? nil : .conflicting
    }

    private mutating func turn(at now: Duration) {
        if let gone = highestOfOld { forgottenThrough = max(forgottenThrough ?? gone, gone) }
        old = young
        highestOfOld = highestOfYoung
        young = SeenTable()
        highestOfYoung = nil
        youngSince = now
    }
}
