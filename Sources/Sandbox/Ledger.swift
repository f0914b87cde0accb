import Events
import JSONText
import Secrets
import Synchronization

/// One published message, as a test wants to compare it with what a subscriber delivered.
public struct LedgerEntry: Sendable {
    public var id: MessageID
    /// Channel ids of the receivers, 32 hex digits each.
    public var channels: [String]
    /// The running number, for messages of the load generator.
    public var number: Int?
    /// SHA-256 of the body, lower-case hex.
    public var bodyHash: String
    /// Bytes of the body.
    public var size: Int
    /// Seconds; 0 means that the message was live only.
    public var expiry: UInt32
    /// Unix seconds of publication by the portal's clock.
    public var time: Double
    /// Microseconds since 1970 at publication, by this machine's clock.
    public var publishedAt: Int64

    init(_ message: StoredMessage, receivers: [ChannelKey], number: Int?, publishedAt: Int64) {
        id = message.id
        channels = receivers.map(\.id)
        self.number = number
        bodyHash = Digest.hex(Digest.sha256(message.body))
        size = message.body.count
        expiry = message.expiry
        time = message.createdAt
        self.publishedAt = publishedAt
    }
}

/// Everything ever published, in order of publication.
final class Ledger: Sendable {
    private let entries: Mutex<[LedgerEntry]>

    /// - Parameter entries: those of an earlier run.
    init(_ entries: [LedgerEntry] = []) {
        self.entries = Mutex(entries)
    }

    func record(_ entry: LedgerEntry) {
        entries.withLock { $0.append(entry) }
    }

    var all: [LedgerEntry] { entries.withLock { $0 } }

    /// One JSON object a line, from the entry at `offset`.
    func lines(from offset: Int, limit: Int) -> [UInt8] {
        let part = entries.withLock { Array($0.dropFirst(max(offset, 0)).prefix(max(limit, 0))) }
        var output: [UInt8] = []
        for entry in part {
            output += JSONValue.object([
                ("mid", .string(entry.id.description)),
                ("channels", .array(entry.channels.map { .string($0) })),
                ("n", entry.number.map { .integer($0) } ?? .null),
                ("sha256", .string(entry.bodyHash)),
                ("size", .integer(entry.size)),
                ("expiry", .integer(entry.expiry)),
                ("time", .decimal(entry.time)),
                ("at", .integer(entry.publishedAt)),
            ]).serialized()
            output.append(UInt8(ascii: "\n"))
        }
        return output
    }
}
