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

    private let generation: UInt64
    private let perKey: Int?
    private let total: Int?
    private let mergesKeys: Bool
    private var counter: UInt64 = 0
    private var messages: [ChannelKey: [StoredMessage]] = [:]

    /// - Parameter time: the moment of initialisation; its whole seconds are the first ten digits of every id.
    init(options: SandboxOptions, time: Double) {
        generation = UInt64(min(max(time, 0), 9_999_999_999))
        perKey = options.historyPerChannel
        total = options.historyTotal
        mergesKeys = options.serverVersion < 4
    }

    /// The counter is common to all channels.
    mutating func nextID() -> MessageID {
        counter += 1
        return MessageID(generation: generation, counter: counter)
    }

    /// Retains `message` under `key` in the order of ids.
    mutating func insert(_ message: StoredMessage, under key: ChannelKey) {
        var list = messages[key, default: []]
        messages[key] = nil
        let place = list.lastIndex { $0.id <= message.id }.map { $0 + 1 } ?? 0
        list.insert(message, at: place)
        messages[key] = list
    }

    /// What a subscriber of `keys` gets for `mid`: the newest messages with a higher id, in the order of ids over all
    /// keys. A message under two of the keys comes twice, except from a version 3 server.
    mutating func history(of keys: [ChannelKey], after mid: MessageID, now: Double) -> [StoredMessage] {
        var found: [StoredMessage] = []
        for key in keys {
            expire(key, now: now)
            let newer = (messages[key] ?? []).drop { $0.id <= mid }
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
        return keys.compactMap { messages[$0]?.last?.id }.max()
    }

    private mutating func expire(_ key: ChannelKey, now: Double) {
        messages[key]?.removeAll { $0.createdAt + min(Double($0.expiry), Self.retention) <= now }
    }
}
