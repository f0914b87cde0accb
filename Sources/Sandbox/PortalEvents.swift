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
        let params = expireParams(change).serialized()
        let body = body(module: "pull", command: "channel_expire", params: params)
        jobs.submit {
            hub.publish(body, to: [ChannelKey(id: change.old.id)], expiry: Self.expiry)
        }
    }

    /// `channel_expire` in the chosen form. The id of a private channel comes without its public part.
    private func expireParams(_ change: ChannelRegistry.Change) -> JSONValue {
        let isDocumented = options.expireForm == .documented
        // Application channels carry the application's client id as their internal type.
        let isApplication = change.old.owner.isApplication
        let type = isApplication && !isDocumented ? options.clientID : change.old.kind
        let action = options.expireForm == .newest ? "get_config" : "reconnect"
        var params: [(key: String, value: JSONValue)] = [
            ("action", .string(action)),
            ("channel", .object([("id", .string(registry.signedID(change.old.id))), ("type", .string(type))])),
        ]
        switch options.expireForm {
        case .documented:
            params.append(("new_channel", newChannel(change.new, id: registry.id(of: change.new), type: type)))
        case .older where change.old.owner.isShared:
            params.append(("new_channel", newChannel(change.new, id: registry.signedID(change.new.id), type: type)))
        case .deleted:
            let general = channel(of: .portalShared)
            params.append(
                (
                    "new_channel",
                    .object([
                        ("id", .string(registry.signedID(general.id))),
                        ("start", .integer(Int(general.start))),
                        ("end", .string(WireDates.atom(general.end))),
                        ("type", .string("shared")),
                    ])
                ))
        case .older, .newest: break
        }
        return .object(params)
    }

    private func newChannel(_ channel: PortalChannel, id: String, type: String) -> JSONValue {
        .object([
            ("id", .string(id)),
            ("start", .string(WireDates.atom(channel.start))),
            ("end", .string(WireDates.atom(channel.end))),
            ("type", .string(type)),
        ])
    }
}
