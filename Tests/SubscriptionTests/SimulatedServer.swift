import Events
import PullProtocol

@testable import Subscription

/// A portal and its push server, as far as a session can tell: two channels that are replaced lazily, one store with
/// numbers common to both, messages that stay readable under the ids of their time.
struct SimulatedServer {
    struct Message {
        /// Its number in the store, from 1.
        var counter: Int
        var channel: String
        var publishedAt: Double
        var isCommand: Bool
        var text: String
    }

    private struct Channel {
        var kind: ChannelKind
        var letter: Character
        var generation = 0
        var end: Double
    }

    private(set) var messages: [Message] = []
    private var channels: [Channel]
    private let life: Double
    private let hasWebSocket: Bool

    init(life: Double, hasWebSocket: Bool, now: Double, random: inout SeededRandom) {
        self.life = life
        self.hasWebSocket = hasWebSocket
        channels = [(ChannelKind.private, "a"), (.shared, "b")].map { kind, letter in
            Channel(
                kind: kind, letter: letter, end: (now + life * Double.random(in: 0.1...1, using: &random)).rounded())
        }
    }

    /// The stored message; new channels are made where their time is over, as an event needs them.
    mutating func publish(toShared: Bool, at now: Double) -> [Message] {
        let index = toShared ? 1 : 0
        let first = messages.count
        rotate(index, at: now)
        store(#"{"module_id":"m","command":"c","params":{}}"#, in: channels[index], at: now, isCommand: false)
        return Array(messages[first...])
    }

    /// The answer to a request for the configuration, and what the portal sends because of it.
    mutating func configuration(at now: Double) -> (PullConfiguration, [Message]) {
        let first = messages.count
        for index in channels.indices { rotate(index, at: now) }
        let all = channels.compactMap { channel in
            ChannelID(Self.id(channel) + ".0123456789").map {
                PullProtocol.Channel(kind: channel.kind, id: $0, end: Int64(channel.end))
            }
        }
        let answer = PullConfiguration(
            version: 3, webSocketURL: hasWebSocket ? "wss://rt.example.test/subws/" : nil,
            longPollingURL: "https://rt.example.test/sub/", channels: all,
            earliestEnd: all.map(\.end).min() ?? Int64(now + life))
        return (answer, Array(messages[first...]))
    }

    func stored(after counter: Int, in channels: Set<String>) -> [Message] {
        messages.filter { $0.counter > counter && channels.contains($0.channel) }
    }

    private mutating func rotate(_ index: Int, at now: Double) {
        guard channels[index].end <= now else { return }
        let old = channels[index]
        channels[index].generation += 1
        channels[index].end = (now + life).rounded()
        let id = Self.id(old)
        store(
            """
            {"module_id":"pull","command":"channel_expire","params":{"action":"reconnect","channel":{"id":"\(id).01"}}}
            """, in: old, at: now, isCommand: true)
    }

    private mutating func store(_ body: String, in channel: Channel, at now: Double, isCommand: Bool) {
        let counter = messages.count + 1
        let digits = "\(counter)"
        let id = "1700000000" + String(repeating: "0", count: 16 - digits.count) + digits
        messages.append(
            Message(
                counter: counter, channel: Self.id(channel), publishedAt: now, isCommand: isCommand,
                text: "#!NGINXNMS!#{\"id\":\(counter),\"mid\":\"\(id)\",\"text\":\(body)}#!NGINXNME!#"))
    }

    private static func id(_ channel: Channel) -> String {
        let number = "\(channel.generation)"
        return String(repeating: "0", count: 31 - number.count) + number + String(channel.letter)
    }
}
