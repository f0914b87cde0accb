import JSONText

/// The `result` of `pull.application.config.get` and `pull.config.get`, in the shape that portals send:
/// the long polling key misspelt, dates as ATOM strings with the portal's offset, `publicChannels` of the user's
/// interface channel.
struct ConfigAnswer: Sendable {
    let options: SandboxOptions
    let addresses: PortalAddresses
    let registry: ChannelRegistry
    let events: PortalEvents
    let secrets: SecretLedger

    /// - Returns: the result, and the ends of the channels in it (Unix seconds).
    func result(
        shared: ChannelOwner, private owner: ChannelOwner, user: Int, damage: Faults.ConfigDamage?
    ) -> (value: JSONValue, ends: [Double]) {
        let channels = [events.channel(of: shared), events.channel(of: owner)]
        let list = channels.map { (key: $0.kind, value: describe($0)) }
        var members: [(key: String, value: JSONValue)] = [
            ("server", server(isEnabled: damage != .switchedOff)),
            ("channels", damage == .noChannels ? .array([]) : .object(list)),
            ("publicChannels", publicChannels(user: user)),
            ("api", .object([("revision_web", .integer(19)), ("revision_mobile", .integer(3))])),
        ]
        if options.serverVersion >= 5 {
            let token = SubscriberToken.make(
                user: user, channels: channels.reversed().map { registry.id(of: $0) },
                end: channels.map(\.end).min() ?? 0, options: options)
            secrets.add(token)
            members.append(("jwt", .string(token)))
        }
        if options.mode == .shared, damage != .noClientID {
            members.append(("clientId", .string(options.licenceCode)))
        }
        if damage == .noClientID {
            members[0].value = server(isEnabled: true, mode: .shared)
        }
        return (.object(members), channels.map(\.end))
    }

    private func server(isEnabled: Bool, mode: SandboxOptions.Mode? = nil) -> JSONValue {
        var members: [(key: String, value: JSONValue)] = [
            ("version", .integer(options.serverVersion)),
            ("server_enabled", .bool(isEnabled)),
            ("mode", .string((mode ?? options.mode).rawValue)),
            ("long_polling", .string(addresses.longPolling)),
            ("long_pooling_secure", .string(addresses.longPollingSecure)),
            ("websocket_enabled", .bool(options.isWebSocketEnabled)),
            ("websocket", .string(addresses.webSocket)),
            ("websocket_secure", .string(addresses.webSocketSecure)),
        ]
        if options.serverVersion >= 4 {
            members += [
                ("publish_enabled", .bool(true)),
                ("publish", .string(addresses.publish)),
                ("publish_secure", .string(addresses.publishSecure)),
            ]
        }
        members.append(("config_timestamp", .integer(0)))
        return .object(members)
    }

    private func describe(_ channel: PortalChannel) -> JSONValue {
        var members: [(key: String, value: JSONValue)] = [("id", .string(registry.id(of: channel)))]
        if !channel.owner.isShared {
            members.append(("public_id", .string(registry.publicID(of: channel) ?? "")))
        }
        members += [
            ("start", .string(WireDates.atom(channel.start))),
            ("end", .string(WireDates.atom(channel.end))),
            ("type", .string(channel.kind)),
        ]
        return .object(members)
    }

    private func publicChannels(user: Int) -> JSONValue {
        guard options.serverVersion >= 4 else { return .bool(false) }
        let channel = events.channel(of: .portalPrivate(user: user))
        guard let publicID = channel.publicID else { return .bool(false) }
        let description = JSONValue.object([
            ("user_id", .integer(user)),
            ("public_id", .string(publicID)),
            ("signature", .string(registry.publicSignature(of: publicID))),
            ("start", .string(WireDates.atom(channel.start))),
            ("end", .string(WireDates.atom(channel.end))),
        ])
        return .object([(String(user), description)])
    }
}
