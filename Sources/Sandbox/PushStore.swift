import Events

/// Where a message is stored and whom it goes to: the private and the public id of a channel are two keys of their own.
/// A shared channel's id is a key of the private kind.
struct ChannelKey: Hashable, Sendable {
    /// 32 lower-case hex digits.
    var id: String
    var isPublic = false
}

/// One published message.
struct StoredMessage: Sendable {
    var id: MessageID
    var body: [UInt8]
    /// Seconds. 0: live only.
    var expiry: UInt32
    /// Unix seconds by the portal's clock.
    var createdAt: Double
    var sender: Sender?
    /// The id that a version 3 server writes into `channel`.
    var firstReceiver: String
}

/// The push server's store: the counter behind message ids and the retained messages under their channel keys.
struct PushStore {
    /// Longest life of a stored message, seconds.
    static let retention = 86_400.0

    /// The messages of one key.
    private struct Shelf {
        /// In the order of ids.
        var messages: [StoredMessage] = []
        /// No message ends before this, Unix seconds.
        var nextEnd = Double.infinity
    }

    let generation: UInt64
    private let perKey: Int?
    private let total: Int?
    private let retention: Double
    private let mergesKeys: Bool
    private var counter: UInt64 = 0
    private var shelves: [ChannelKey: Shelf] = [:]

    /// - Parameter generation: the moment of initialisation in whole seconds: the first ten digits of every id.
    init(options: SandboxOptions, generation: UInt64) {
        self.generation = generation
        perKey = options.historyPerChannel
        total = options.historyTotal
        retention = min(options.retention, Self.retention)
        mergesKeys = options.serverVersion < 4
    }

    /// The counter is common to all channels.
    mutating func nextID() -> MessageID {
        counter += 1
        return MessageID(generation: generation, counter: counter)
    }

    /// Retains `message` under `key` in the order of ids.
    mutating func insert(_ message: StoredMessage, under key: ChannelKey) {
        var shelf = shelves.removeValue(forKey: key) ?? Shelf()
        let place = shelf.messages.lastIndex { $0.id <= message.id }.map { $0 + 1 } ?? 0
        shelf.messages.insert(message, at: place)
        shelf.nextEnd = min(shelf.nextEnd, end(of: message))
        shelves[key] = shelf
    }

    /// Takes over a message that an earlier run of the server has numbered.
    mutating func restore(_ message: StoredMessage, under keys: [ChannelKey]) {
        counter = max(counter, message.id.counter)
        if message.expiry > 0 { for key in keys { insert(message, under: key) } }
    }

    /// What a subscriber of `keys` gets for `mid`: the newest messages with a higher id, in the order of ids over all
    /// keys. A message under two of the keys comes twice, except from a version 3 server.
    mutating func history(of keys: [ChannelKey], after mid: MessageID, now: Double) -> [StoredMessage] {
        var found: [StoredMessage] = []
        for key in keys {
            expire(key, now: now)
            guard let messages = shelves[key]?.messages else { continue }
            let newer = messages[Self.index(after: mid, in: messages)...]
            found += newer.suffix(perKey ?? newer.count)
        }
        found.sort { $0.id < $1.id }
        if mergesKeys {
            var seen: Set<MessageID> = []
            found.removeAll { !seen.insert($0.id).inserted }
        }
        return Array(found.suffix(total ?? found.count))
    }

    /// The highest retained id over `keys`.
    mutating func newest(of keys: [ChannelKey], now: Double) -> MessageID? {
        for key in keys { expire(key, now: now) }
        return keys.compactMap { shelves[$0]?.messages.last?.id }.max()
    }

    /// Everything is gone, and the counter begins again under the same ten digits.
    mutating func lose() {
        shelves = [:]
        counter = 0
    }

    /// The store is that of `count` messages ago: later ids will be given again.
    mutating func goBack(by count: UInt64) {
        counter -= min(counter, count)
        for key in shelves.keys {
            let last = counter
            shelves[key]?.messages.removeAll { $0.id.counter > last }
        }
    }

    private func end(of message: StoredMessage) -> Double {
        message.createdAt + min(Double(message.expiry), retention)
    }

    private mutating func expire(_ key: ChannelKey, now: Double) {
        guard let nextEnd = shelves[key]?.nextEnd, nextEnd <= now, var shelf = shelves.removeValue(forKey: key) else {
            return
        }
        shelf.messages.removeAll { end(of: $0) <= now }
        shelf.nextEnd = shelf.messages.map(end).min() ?? .infinity
        shelves[key] = shelf
    }

    /// The first index whose id is higher.
    private static func index(after mid: MessageID, in messages: [StoredMessage]) -> Int {
        var low = 0
        var high = messages.count
        while low < high {
            let middle = (low + high) / 2
            if messages[middle].id <= mid { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
