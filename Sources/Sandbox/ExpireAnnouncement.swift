import JSONText

/// What a `channel_expire` looks like. Portals of different age send different things, some of them wrong.
public enum ExpireVariant: Sendable, Equatable {
    case form(SandboxOptions.ExpireForm)
    /// `new_channel` is a channel of another portal, signed with its key: connecting with it fails.
    case foreign
    /// `channel.id` is one that the subscriber has never had.
    case unknownID
    /// Module and command in capitals.
    case capitals
    /// `"params":"x"`.
    case brokenParams
    /// No `params` at all.
    case noParams

    /// The order's name: that of a form, or one of the others'.
    init?(_ name: String) {
        switch name {
        case "foreign": self = .foreign
        case "unknown-id": self = .unknownID
        case "capitals": self = .capitals
        case "broken-params": self = .brokenParams
        case "no-params": self = .noParams
        default:
            guard let form = SandboxOptions.ExpireForm(rawValue: name) else { return nil }
            self = .form(form)
        }
    }
}

/// The service command after a rotation, told to the old id.
struct ExpireAnnouncement: Sendable {
    let options: SandboxOptions
    let registry: ChannelRegistry
    let change: ChannelRegistry.Change

    func body(_ variant: ExpireVariant, events: PortalEvents) -> [UInt8] {
        switch variant {
        case .form(let form): return events.body(module: "pull", command: "channel_expire", params: params(form))
        case .foreign:
            return events.body(module: "pull", command: "channel_expire", params: foreignParams)
        case .unknownID:
            var stranger = change
            stranger.old.id = RandomText.hex(32)
            let announcement = ExpireAnnouncement(options: options, registry: registry, change: stranger)
            return events.body(module: "pull", command: "channel_expire", params: announcement.params(.older))
        case .capitals: return events.body(module: "PULL", command: "CHANNEL_EXPIRE", params: params(.older))
        case .brokenParams: return events.body(module: "pull", command: "channel_expire", params: Array(#""x""#.utf8))
        case .noParams: return Array(#"{"module_id":"pull","command":"channel_expire"}"#.utf8)
        }
    }

    /// The id of a private channel comes without its public part.
    private func params(_ form: SandboxOptions.ExpireForm) -> [UInt8] {
        let isDocumented = form == .documented
        // Application channels carry the application's client id as their internal type.
        let isApplication = change.old.owner.isApplication
        let type = isApplication && !isDocumented ? options.clientID : change.old.kind
        var successor: JSONValue?
        switch form {
        case .documented: successor = newChannel(change.new, id: registry.id(of: change.new), type: type)
        case .older where change.old.owner.isShared:
            successor = newChannel(change.new, id: registry.signedID(change.new.id), type: type)
        case .deleted:
            // The portal's general shared channel has nothing to do with the application.
            let general = registry.channel(of: .portalShared).channel
            successor = newChannel(
                general, id: registry.signedID(general.id), type: "shared", start: .integer(Int(general.start)))
        case .older, .newest: break
        }
        return params(action: form == .newest ? "get_config" : "reconnect", type: type, successor: successor)
    }

    private var foreignParams: [UInt8] {
        var foreign = change.new
        foreign.id = RandomText.hex(32)
        let id = "\(foreign.id).\(RandomText.hex(40))"
        return params(
            action: "reconnect", type: change.old.kind,
            successor: newChannel(foreign, id: id, type: change.old.kind, start: .integer(Int(foreign.start))))
    }

    private func params(action: String, type: String, successor: JSONValue?) -> [UInt8] {
        let old = JSONValue.object([("id", .string(registry.signedID(change.old.id))), ("type", .string(type))])
        var members: [(key: String, value: JSONValue)] = [("action", .string(action)), ("channel", old)]
        if let successor { members.append(("new_channel", successor)) }
        return JSONValue.object(members).serialized()
    }

    private func newChannel(
        _ channel: PortalChannel, id: String, type: String, start: JSONValue? = nil
    ) -> JSONValue {
        .object([
            ("id", .string(id)),
            ("start", start ?? .string(WireDates.atom(channel.start))),
            ("end", .string(WireDates.atom(channel.end))),
            ("type", .string(type)),
        ])
    }
}
