import Events
import JSONText

/// What a store file holds: the portal's tables, the push server's store, and the ledger.
struct StoredState: Sendable {
    /// Nil: there is no store yet.
    var generation: UInt64?
    /// What the store has not lost, in the order of publication, expired ones included.
    var messages: [(message: StoredMessage, receivers: [ChannelKey])] = []
    /// Everything ever published.
    var ledger: [LedgerEntry] = []
    /// The current life of each channel.
    var channels: [ChannelOwner: PortalChannel] = [:]
    /// Every token ever issued, in the order of issue.
    var tokens: [(user: SandboxCredentials, end: Double)] = []

    /// Leaves the portal and the ledger as they are, and nothing of the push server.
    mutating func forgetStore() {
        generation = nil
        messages = []
    }

    /// Takes over the records of a file, up to the first that is none or not whole.
    ///
    /// - Returns: the bytes that were taken.
    mutating func replay(_ bytes: [UInt8]) -> Int {
        var position = 0
        while let lineEnd = bytes[position...].firstIndex(of: UInt8(ascii: "\n")) {
            guard let record = JSONValue.parse(Array(bytes[position..<lineEnd])), record.object != nil else { break }
            var end = lineEnd + 1
            if record["k"]?.string == "message" {
                guard let count = record["bytes"]?.lenientInt, count >= 0, count < bytes.count - end else { break }
                guard replay(message: record, body: Array(bytes[end..<end + count])) else { break }
                end += count + 1
            } else if !replay(record) {
                break
            }
            position = end
        }
        return position
    }

    private mutating func replay(_ record: JSONValue) -> Bool {
        switch record["k"]?.string {
        case "store":
            guard let number = record["generation"]?.lenientInt, 0..<10_000_000_000 ~= number else { return false }
            generation = UInt64(number)
            messages = []
        case "back":
            guard let count = record["by"]?.lenientInt, count >= 0 else { return false }
            let highest = messages.map(\.message.id.counter).max() ?? 0
            let last = highest - min(highest, UInt64(count))
            messages.removeAll { $0.message.id.counter > last }
        case "token":
            guard let user = record["user"]?.lenientInt, user > 0, let access = record["access"]?.string,
                let end = record["end"]?.lenientDouble, let refresh = record["refresh"]?.string,
                let webhook = record["webhook"]?.string
            else { return false }
            tokens.append(
                (
                    SandboxCredentials(user: user, accessToken: access, refreshToken: refresh, webhookCode: webhook),
                    end
                ))
        case "channel":
            guard let id = record["id"]?.string, let start = record["start"]?.lenientDouble,
                let end = record["end"]?.lenientDouble
            else { return false }
            let owner = ChannelOwner(
                isApplication: record["owner"]?.string == "application", user: record["user"]?.lenientInt)
            channels[owner] = PortalChannel(
                owner: owner, id: id, publicID: record["public"]?.string, start: start, end: end)
        default: return false
        }
        return true
    }

    private mutating func replay(message record: JSONValue, body: [UInt8]) -> Bool {
        guard let generation, let counter = record["counter"]?.lenientInt, 0..<10_000_000_000_000_000 ~= counter,
            let expiry = record["expiry"]?.lenientInt, let time = record["time"]?.lenientDouble,
            let publishedAt = record["at"]?.lenientInt
        else { return false }
        let receivers = (record["to"]?.array ?? []).compactMap(\.string).map { text in
            text.hasPrefix("+") ? ChannelKey(id: String(text.dropFirst()), isPublic: true) : ChannelKey(id: text)
        }
        let message = StoredMessage(
            id: MessageID(generation: generation, counter: UInt64(counter)), body: body,
            expiry: UInt32(clamping: expiry), createdAt: time, sender: Self.sender(record),
            firstReceiver: receivers.first?.id ?? "")
        messages.append((message, receivers))
        ledger.append(
            LedgerEntry(
                message, receivers: receivers, number: record["n"]?.lenientInt, publishedAt: Int64(publishedAt)))
        return true
    }

    private static func sender(_ record: JSONValue) -> Sender? {
        guard let kind = record["from"]?.lenientInt.flatMap({ UInt8(exactly: $0) }).flatMap(Sender.Kind.init(rawValue:))
        else { return nil }
        let parts = (record["id"]?.array ?? []).compactMap { $0.lenientText.flatMap { UInt64($0) } }
        return Sender(kind: kind, id: parts.count == 2 ? (high: parts[0], low: parts[1]) : nil)
    }
}
