import Addresses
public import Events
import JSONText
import Secrets

/// A configuration as it is kept over a restart. It holds signed ids: for files that only their owner can read.
///
/// ```json
/// {"format":1,"version":4,"mode":"shared","enabled":true,
///  "websocket":"wss://…","long_polling":"https://…",
///  "channels":[{"kind":"private","id":"…","public_id":"…","start":1700000000,"end":1700043205,"replaced":1700043210,
///               "pause":{"start":1700100000,"end":1700143205},"doubt":"17000000000000000000000042"}],
///  "client_id":"…","jwt":"…","jwt_expiry":1700043205,"expiry":1700043205,
///  "timestamp":1700000000,"portal_time":1700000000.5,"earliest_end":1700043205}
/// ```
///
/// `pause`: when the next channel known began and is to end. `doubt`: an answer of the channel's history may have been cut; this is the newest message from before it. What is not
/// known is left out; members that are not known are ignored.
public enum StoredConfiguration {
    private static let format = "1"

    /// - Parameter doubt: of a channel.
    public static func encode(
        _ configuration: PullConfiguration, doubt: (Channel) -> MessageID? = { _ in nil }
    ) -> [UInt8] {
        var members: [(key: String, value: JSONValue)] = [
            ("format", .number(format)), ("version", .number("\(configuration.version)")),
            ("mode", .string(configuration.mode.rawValue)), ("enabled", .bool(configuration.isEnabled)),
        ]
        if let url = configuration.webSocketURL { members.append(("websocket", .string(url))) }
        if let url = configuration.longPollingURL { members.append(("long_polling", .string(url))) }
        members.append(("channels", .array(configuration.channels.map { encode($0, doubt($0)) })))
        if let clientID = configuration.clientID { members.append(("client_id", .string(clientID.exposed))) }
        if let jwt = configuration.jwt { members.append(("jwt", .string(jwt.exposed))) }
        if let expiry = configuration.jwtExpiry { members.append(("jwt_expiry", .number("\(expiry)"))) }
        if let expiry = configuration.expiry { members.append(("expiry", .number("\(expiry)"))) }
        members.append(("timestamp", .number("\(configuration.timestamp)")))
        if let time = configuration.portalTime, time.isFinite { members.append(("portal_time", .number("\(time)"))) }
        members.append(("earliest_end", .number("\(configuration.earliestEnd)")))
        return JSONValue.object(members).serialized()
    }

    /// Nil for anything that no configuration was ever written as, and for one that no connection may be made from.
    public static func decode(_ bytes: [UInt8]) -> PullConfiguration? {
        guard bytes.count <= PullConfiguration.maximumSize, let value = JSONValue.parse(bytes),
            number(value["format"]) == Int(format), let version = number(value["version"]), 1...1_000_000 ~= version,
            let mode = value["mode"]?.string.flatMap(PullConfiguration.Mode.init(rawValue:)),
            case .bool(let isEnabled)? = value["enabled"], let elements = value["channels"]?.array,
            let earliestEnd = integer(value["earliest_end"])
        else { return nil }
        let channels = elements.compactMap(channel)
        let jwt = text(value["jwt"], maximumLength: 16_384)
        guard channels.count == elements.count, !channels.isEmpty || jwt != nil || !isEnabled else { return nil }
        let webSocketURL = value["websocket"]?.string
        let longPollingURL = value["long_polling"]?.string
        guard isUsable(webSocketURL, secure: "wss", plain: "ws"),
            isUsable(longPollingURL, secure: "https", plain: "http")
        else { return nil }
        return PullConfiguration(
            version: version, mode: mode, isEnabled: isEnabled, webSocketURL: webSocketURL,
            longPollingURL: longPollingURL, channels: channels,
            clientID: text(value["client_id"], maximumLength: 1024), jwt: jwt, jwtExpiry: integer(value["jwt_expiry"]),
            expiry: integer(value["expiry"]), timestamp: number(value["timestamp"]) ?? 0,
            portalTime: time(value["portal_time"]), earliestEnd: earliestEnd)
    }

    /// The doubts of a stored configuration, by the index of the channel.
    public static func doubts(_ bytes: [UInt8]) -> [Int: MessageID] {
        guard bytes.count <= PullConfiguration.maximumSize, let elements = JSONValue.parse(bytes)?["channels"]?.array
        else { return [:] }
        var doubts: [Int: MessageID] = [:]
        for (index, element) in elements.enumerated() {
            doubts[index] = element["doubt"]?.string.flatMap { MessageID($0) }
        }
        return doubts
    }

    private static func encode(_ channel: Channel, _ doubt: MessageID?) -> JSONValue {
        var members: [(key: String, value: JSONValue)] = [
            ("kind", .string(name(of: channel.kind))), ("id", .string(channel.id.secret.exposed)),
        ]
        if let publicID = channel.publicID { members.append(("public_id", .string(publicID.exposed))) }
        if let start = channel.start { members.append(("start", .number("\(start)"))) }
        members.append(("end", .number("\(channel.end)")))
        if let time = channel.replacedAt { members.append(("replaced", .number("\(time)"))) }
        if let pause = channel.pause {
            let times = [("start", pause.nextStart), ("end", pause.nextEnd)]
            members.append(("pause", .object(times.map { ($0.0, .number("\($0.1)")) })))
        }
        if let doubt { members.append(("doubt", .string(doubt.description))) }
        return .object(members)
    }

    private static func channel(_ value: JSONValue) -> Channel? {
        guard let kind = kinds.first(where: { name(of: $0) == value["kind"]?.string }),
            let id = value["id"]?.string.flatMap({ ChannelID($0) }), let end = integer(value["end"])
        else { return nil }
        let publicID = text(value["public_id"], maximumLength: ChannelID.maximumLength)
        var channel = Channel(kind: kind, id: id, publicID: publicID, start: integer(value["start"]), end: end)
        channel.replacedAt = integer(value["replaced"])
        if let pause = value["pause"], let start = integer(pause["start"]), let end = integer(pause["end"]) {
            channel.pause = ChannelPause(nextStart: start, nextEnd: end)
        }
        return channel
    }

    private static let kinds = [ChannelKind.private, .shared, .unknown]

    private static func name(of kind: ChannelKind) -> String {
        switch kind {
        case .private: "private"
        case .shared: "shared"
        case .unknown: "unknown"
        }
    }

    private static func number(_ value: JSONValue?) -> Int? {
        guard case .number(let text)? = value else { return nil }
        return Int(text)
    }

    private static func integer(_ value: JSONValue?) -> Int64? {
        number(value).map { Int64($0) }
    }

    private static func time(_ value: JSONValue?) -> Double? {
        guard case .number(let text)? = value, let time = Double(text), time.isFinite else { return nil }
        return time
    }

    private static func text(_ value: JSONValue?, maximumLength: Int) -> Secret? {
        value?.lenientText(maximumLength: maximumLength).map { Secret($0) }
    }

    /// The same as for what a portal says: secure, or on this machine's loopback. No address at all is fine.
    private static func isUsable(_ text: String?, secure: String, plain: String) -> Bool {
        guard let text else { return true }
        guard let address = WebAddress(bare: text) else { return false }
        return address.scheme == secure || (address.scheme == plain && address.isLoopback)
    }
}
