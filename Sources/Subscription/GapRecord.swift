import Events

extension Event {
    /// A record of messages that cannot be had any more, as an event without an id. Its body is put behind `bytes`:
    ///
    /// ```json
    /// {"reason":"history-limit","after":"26 digits","before":"26 digits","channel":"private"}
    /// ```
    ///
    /// Of the messages between two ids some are gone; a bound or a channel that is not known is left out.
    static func gap(
        _ reason: GapReason, after: MessageID?, before: MessageID?, channel: ChannelKind,
        appendingTo bytes: inout [UInt8]
    ) -> Event {
        var text = "{\"reason\":\"\(reason.rawValue)\""
        if let after { text += ",\"after\":\"\(after)\"" }
        if let before { text += ",\"before\":\"\(before)\"" }
        switch channel {
        case .private: text += ",\"channel\":\"private\""
        case .shared: text += ",\"channel\":\"shared\""
        case .unknown: break
        }
        let start = bytes.count
        bytes += Array((text + "}").utf8)
        var event = Event()
        event.shape = .gap
        event.channel = channel
        event.body = ByteRange(start..<bytes.count)
        return event
    }
}
