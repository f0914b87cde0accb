import Events
import JSONText

/// The sending half of the portal's pull module: bodies, the choice of the channel, and the service command that
/// follows a rotation.
struct PortalEvents: Sendable {
    /// The portal's default for application events, seconds.
    static let expiry: UInt32 = 86_400

    let options: SandboxOptions
    let registry: ChannelRegistry
    let hub: PushHub
    let jobs: BackgroundJobs

    /// The owner's channel, made anew if its life is over. The old id is then told in the background.
    func channel(of owner: ChannelOwner) -> PortalChannel {
        let (channel, change) = registry.channel(of: owner)
        if let change { announce(change) }
        return channel
    }

    /// Replaces the channels of all owners, or of one, and tells the old ids.
    func rotateNow(_ owner: ChannelOwner? = nil) {
        for candidate in registry.owners where owner == nil || owner == candidate {
            if let change = registry.rotate(candidate) { announce(change) }
        }
    }

    /// Publishes an event of the application.
    ///
    /// - Parameter params: raw JSON.
    @discardableResult
    func publish(
        module: String, command: String, params: [UInt8], to owner: ChannelOwner, expiry: UInt32 = Self.expiry,
        number: Int? = nil
    ) -> MessageID {
        let body = body(module: module, command: command, params: params)
        return hub.publish(body, to: [ChannelKey(id: channel(of: owner).id)], expiry: expiry, number: number)
    }

    /// What the portal puts into an envelope. Empty params become a list, as PHP writes an empty map.
    func body(module: String, command: String, params: [UInt8]) -> [UInt8] {
        var output: [UInt8] = Array(#"{"module_id":"#.utf8)
        JSONEscape.appendString(module, to: &output)
        output += #","command":"#.utf8
        JSONEscape.appendString(command, to: &output)
        output += #","params":"#.utf8
        output += params == Array("{}".utf8) ? Array("[]".utf8) : params
        let now = options.clock()
        let extra =
            #","extra":{"server_time":"\#(WireDates.atom(now))","server_time_unix":\#(milliseconds(now)),"#
            + #""server_name":"sandbox","revision_web":19,"revision_mobile":3}}"#
        output += extra.utf8
        return output
    }

    private func milliseconds(_ time: Double) -> Double {
        (time * 1_000).rounded() / 1_000
    }

    private func announce(_ change: ChannelRegistry.Change) {
        send(.form(options.expireForm), of: change)
    }

    /// Sends a `channel_expire` of any kind to the current id of a channel.
    ///
    /// - Parameter rotates: whether the channel gets a new id first, or nothing has changed at all.
    func announceExpiry(_ variant: ExpireVariant, of owner: ChannelOwner, rotates: Bool) {
        let channel = channel(of: owner)
        let change = rotates ? registry.rotate(owner) : nil
        send(variant, of: change ?? ChannelRegistry.Change(old: channel, new: channel))
    }

    private func send(_ variant: ExpireVariant, of change: ChannelRegistry.Change) {
        let announcement = ExpireAnnouncement(options: options, registry: registry, change: change)
        let body = announcement.body(variant, events: self)
        jobs.submit {
            hub.publish(body, to: [ChannelKey(id: change.old.id)], expiry: Self.expiry)
        }
    }
}
