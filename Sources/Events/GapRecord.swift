/// A record of messages that cannot be had any more. It stands among the events as one without an id, whose body is
///
/// ```json
/// {"reason":"history-limit","after":"26 digits","before":"26 digits","channel":"private","events":12}
/// ```
///
/// Of the messages between the two ids some or all are gone. What is not known is left out.
public struct GapRecord: Hashable, Sendable {
    /// Letters and dashes.
    public var reason: String
    public var after: MessageID?
    public var before: MessageID?
    public var channel = ChannelKind.unknown
    /// How many at most.
    public var events: UInt64?

    public init(reason: String, after: MessageID? = nil, before: MessageID? = nil) {
        self.reason = reason
        self.after = after
        self.before = before
    }

    /// The record as an event, its body put behind `bytes`.
    public func event(appendingTo bytes: inout [UInt8]) -> Event {
        var text = #"{"reason":"\#(reason)""#
        if let after { text += #","after":"\#(after)""# }
        if let before { text += #","before":"\#(before)""# }
        switch channel {
        case .private: text += #","channel":"private""#
        case .shared: text += #","channel":"shared""#
        case .unknown: break
        }
        if let events { text += #","events":\#(events)"# }
        let start = bytes.count
        bytes += Array((text + "}").utf8)
        var event = Event()
        event.shape = .gap
        event.channel = channel
        event.body = ByteRange(start..<bytes.count)
        return event
    }
}
