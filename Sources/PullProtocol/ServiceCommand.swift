public import Events
import JSONText
public import Secrets

/// A command of the portal's `pull` module to its subscribers, sent as an ordinary message. Nothing proves who sent it,
/// so nothing in it is used but the hint to look at the configuration again.
public enum ServiceCommand: Sendable, Hashable {
    /// A channel is replaced. `id`: what its id begins with, up to 32 digits; nil if it cannot be read. `sentAt`: when the
    /// portal said so, Unix seconds by its clock; nil if that cannot be read.
    case channelExpire(id: Secret?, sentAt: Int64? = nil)
    case configExpire
    case serverRestart
    /// `open`, `open_exists`, `reopen`: they make the oldest servers create a channel.
    case noOperation

    /// Longest `params` or `extra` that are looked into.
    private static let maximumSize = 64 * 1024

    /// The command in a message; nil for every other message. On the path of every event: the length of the module's
    /// name turns nearly all of them away.
    @inlinable
    public static func parse(event: Event, in bytes: UnsafeRawBufferPointer) -> ServiceCommand? {
        guard event.module.count == 4, event.shape == .object else { return nil }
        return parseLikely(event, in: bytes)
    }

    @usableFromInline
    static func parseLikely(_ event: Event, in bytes: UnsafeRawBufferPointer) -> ServiceCommand? {
        let slice = { (range: ByteRange) -> UnsafeRawBufferPointer in
            guard range.start <= range.end, Int(range.end) <= bytes.count else { return .init(start: nil, count: 0) }
            return UnsafeRawBufferPointer(rebasing: bytes[range.range])
        }
        return parse(
            module: slice(event.module), command: slice(event.command), params: slice(event.params),
            extra: slice(event.extra), senderKind: event.sender?.kind ?? .unknown)
    }

    /// - Parameters:
    ///   - module: The value of `module_id`, without its quotes.
    ///   - command: The value of `command`, without its quotes.
    ///   - params: The raw JSON value; empty if there is none.
    ///   - extra: The same of what the portal adds to each message, the time among it.
    ///   - senderKind: Commands of clients are ordinary messages.
    public static func parse(
        module: UnsafeRawBufferPointer, command: UnsafeRawBufferPointer, params: UnsafeRawBufferPointer,
        extra: UnsafeRawBufferPointer, senderKind: Sender.Kind
    ) -> ServiceCommand? {
        guard senderKind != .client, isWord(module, "pull") else { return nil }
        if isWord(command, "channel_expire") {
            return .channelExpire(id: channelID(in: params), sentAt: time(in: extra))
        }
        if isWord(command, "config_expire") { return .configExpire }
        if isWord(command, "server_restart") { return .serverRestart }
        let isNothing = isWord(command, "open") || isWord(command, "open_exists") || isWord(command, "reopen")
        return isNothing ? .noOperation : nil
    }

    /// In any case, as the official client has it.
    private static func isWord(_ bytes: UnsafeRawBufferPointer, _ word: StaticString) -> Bool {
        guard bytes.count == word.utf8CodeUnitCount else { return false }
        for index in 0..<bytes.count {
            let byte = bytes[index]
            let lower = byte &- 0x41 < 26 ? byte | 0x20 : byte
            guard lower == word.utf8Start[index] else { return false }
        }
        return true
    }

    private static func channelID(in params: UnsafeRawBufferPointer) -> Secret? {
        let id = JSONValue.parse(params, maximumSize: maximumSize)?["channel"]?["id"]?.string
        guard let id, ChannelID(id) != nil else { return nil }
        let stem = ChannelID.stem(of: id)
        return stem.isEmpty ? nil : Secret(String(stem))
    }

    private static func time(in extra: UnsafeRawBufferPointer) -> Int64? {
        let extra = JSONValue.parse(extra, maximumSize: maximumSize)
        return Timestamp.parse(extra?["server_time_unix"]) ?? Timestamp.parse(extra?["server_time"])
    }
}

extension ServiceCommand {
    /// All that a service command can bring about.
    public enum Effect: Sendable, Hashable {
        case nothing
        /// Ask for the configuration after so many seconds, drawn evenly, the connection staying up. If a request is
        /// waiting already its time does not change. `isLimited`: at most once a minute.
        case refetch(after: ClosedRange<Double>, isLimited: Bool)
    }

    /// - Parameters:
    ///   - current: The channels of the configuration in use.
    ///   - former: Those of the connection that is kept for the overlap.
    public func effect(current: [ChannelID], former: [ChannelID] = []) -> Effect {
        switch self {
        case .noOperation:
            return .nothing
        case .configExpire, .serverRestart:
            return .refetch(after: 10...120, isLimited: false)
        case .channelExpire(let id, _):
            guard let id else { return .refetch(after: 0.5...3, isLimited: true) }
            if current.contains(where: { $0.matches(id) }) { return .refetch(after: 0.5...3, isLimited: false) }
            if former.contains(where: { $0.matches(id) }) { return .nothing }
            return .refetch(after: 0.5...3, isLimited: true)
        }
    }

    /// Seconds between further requests when a channel has expired but the configuration still names it: the message
    /// may come before the portal has written the new one. After these it is left to the regular requests.
    public static let repetitions: [Double] = [5, 15, 60]
}
