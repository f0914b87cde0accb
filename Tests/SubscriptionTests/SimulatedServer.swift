import Events
import PullProtocol

@testable import Subscription

/// A portal and its push server, as far as a session can tell: two channels that are replaced lazily, one store with
/// numbers common to both, messages that stay readable under the ids of their time, answers that are cut at 100 messages
/// a channel and 200 in all.
struct SimulatedServer {
    struct Message {
        /// Unique, whatever the ids do.
        var serial: Int
        var id: MessageID
        var channel: String
        var kind: ChannelKind
        var publishedAt: Double
        /// Of a channel_expire: the id that has ended.
        var expired: String?
        var isEvent: Bool { expired == nil }
    }

    private struct Channel {
        var kind: ChannelKind
        var letter: Character
        var generation = 0
        var start: Double
        var end: Double

        var id: String {
            let number = "\(generation)"
            return String(repeating: "0", count: 31 - number.count) + number + String(letter)
        }
    }

    static let retention = 86_400.0

    /// All that there ever were.
    private(set) var messages: [Message] = []
    /// Messages that an answer left out for its limits.
    private(set) var leftOut: Set<Int> = []
    /// Messages that were stored after a higher one had been read.
    private(set) var late: Set<Int> = []
    private var highestRead = MessageID.zero
    private var store: [String: [Message]] = [:]
    private var channels: [Channel]
    /// Ids of all that there ever were, in order.
    private(set) var all: [String] = []
    private var generation: UInt64 = 1_700_000_000
    private var counter: UInt64 = 1_000
    private let life: Double
    private let hasWebSocket: Bool
    private let hasPolling: Bool

    init(life: Double, hasWebSocket: Bool, hasPolling: Bool, now: Double, random: inout SeededRandom) {
        // Portals reckon in whole seconds.
        self.life = life.rounded()
        self.hasWebSocket = hasWebSocket
        self.hasPolling = hasPolling
        let kinds: [(ChannelKind, Character)] = [(.private, "a"), (.shared, "b")]
        channels = kinds.map { kind, letter in
            let end = (now + life * Double.random(in: 0.1...1, using: &random)).rounded()
            return Channel(kind: kind, letter: letter, start: end - life.rounded(), end: end)
        }
    }

    /// The event, and what the portal sends because its channel had to be replaced. Not in the store yet.
    mutating func publish(toShared: Bool, at now: Double) -> [Message] {
        let index = toShared ? 1 : 0
        let command = rotate(index, at: now)
        return [command, message(in: channels[index], at: now)].compactMap { $0 }
    }

    /// The answer to a request for the configuration, and what the portal sends because of it.
    mutating func configuration(at now: Double) -> (PullConfiguration, [Message]) {
        let commands = channels.indices.compactMap { rotate($0, at: now) }
        let all = channels.compactMap { channel in
            ChannelID(channel.id + ".0123456789").map {
                PullProtocol.Channel(
                    kind: channel.kind, id: $0, start: Int64(channel.start),
                    end: Int64(channel.end))
            }
        }
        let answer = PullConfiguration(
            version: 3, webSocketURL: hasWebSocket ? "wss://rt.example.test/subws/" : nil,
            longPollingURL: hasPolling ? "https://rt.example.test/sub/" : nil, channels: all,
            earliestEnd: channels.map { Int64($0.end) }.min() ?? Int64(now + life))
        return (answer, commands)
    }

    /// False: the store is another by now.
    mutating func put(_ message: Message) -> Bool {
        guard message.id.generation == generation else { return false }
        if message.id < highestRead { late.insert(message.serial) }
        var stored = store[message.channel] ?? []
        let place = stored.lastIndex { $0.id < message.id }.map { $0 + 1 } ?? 0
        stored.insert(message, at: place)
        store[message.channel] = stored
        return true
    }

    /// The newest hundred of each channel, the newest two hundred of those.
    mutating func history(after position: MessageID, in channels: [String], at now: Double) -> [Message] {
        var all: [Message] = []
        for channel in channels {
            let stored = (store[channel] ?? []).filter {
                $0.id > position && $0.publishedAt > now - Self.retention
            }
            leaveOut(stored.dropLast(100))
            all += stored.suffix(100)
        }
        all.sort { $0.id < $1.id }
        leaveOut(all.dropLast(200))
        highestRead = max(highestRead, all.last?.id ?? .zero)
        return Array(all.suffix(200))
    }

    /// Numbers of young messages at or below a position.
    func newcomers(through position: MessageID, in channels: [String], since: Double) -> [Int] {
        channels.flatMap { channel in
            (store[channel] ?? []).reversed().prefix { $0.publishedAt > since }.filter { $0.id <= position }.map(
                \.serial)
        }
    }

    /// It has been handed out live.
    mutating func sent(_ message: Message) { highestRead = max(highestRead, message.id) }

    private mutating func leaveOut(_ messages: ArraySlice<Message>) {
        for message in messages { leftOut.insert(message.serial) }
    }

    /// The store is lost. Numbers of messages that it held.
    mutating func wipe(at now: Double) -> [Int] {
        let gone = store.values.joined().map(\.serial)
        store = [:]
        generation = UInt64(now)
        highestRead = .zero
        counter = 0
        return gone
    }

    /// The store is that of some messages ago.
    mutating func goBack(by count: UInt64) -> [Int] {
        counter -= min(count, counter)
        highestRead = .zero
        let gone = store.values.joined().filter { $0.id.counter > counter }.map(\.serial)
        for (channel, stored) in store { store[channel] = stored.filter { $0.id.counter <= counter } }
        return gone
    }

    private mutating func rotate(_ index: Int, at now: Double) -> Message? {
        guard channels[index].end <= now else { return nil }
        let old = channels[index]
        channels[index].generation += 1
        channels[index].start = now.rounded(.down)
        channels[index].end = now.rounded(.down) + life
        all.append(channels[index].id)
        return message(in: old, at: now, expired: old.id)
    }

    private mutating func message(in channel: Channel, at now: Double, expired: String? = nil) -> Message {
        counter += 1
        let message = Message(
            serial: messages.count, id: MessageID(generation: generation, counter: counter), channel: channel.id,
            kind: channel.kind, publishedAt: now, expired: expired)
        messages.append(message)
        return message
    }
}
