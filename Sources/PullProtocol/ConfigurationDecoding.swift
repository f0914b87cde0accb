import Addresses
import Events
import JSONText
import Secrets

extension PullConfiguration {
    /// Longest answer taken, in bytes. Real ones have two to three thousand.
    public static let maximumSize = 1024 * 1024

    /// Reads a portal's answer, with all habits of PHP: numbers as strings and strings as numbers, truth values of six
    /// kinds, `[]` for an empty object, `false` for a missing one.
    /// - Parameters:
    ///   - body: The whole answer to the REST call.
    ///   - portalHost: Put in for `#DOMAIN#` in addresses.
    ///   - now: Unix seconds, for channels whose end cannot be read.
    public static func decode(
        _ body: [UInt8], portalHost: String, now: Double
    ) throws(ConfigurationError) -> PullConfiguration {
        guard body.count <= maximumSize, let answer = JSONValue.parse(body) else { throw .notJSON }
        if let error = RESTAnswer.error(in: answer, status: 200) { throw .rest(error) }
        guard let result = answer["result"], let server = result["server"], server.object != nil else {
            throw .unexpectedShape
        }
        let isEnabled = server["server_enabled"]?.lenientBool ?? true
        let jwt = result["jwt"]?.lenientText(maximumLength: 16_384).map { Secret($0) }
        let channels = try isEnabled ? channels(in: result, now: now) : []
        if isEnabled, channels.isEmpty, jwt == nil { throw .noChannels }

        let addresses = ServerAddresses(server: server, portalHost: portalHost)
        if isEnabled, addresses.webSocket == nil, addresses.longPolling == nil {
            throw addresses.sawInsecure ? .insecureURL : .noURL
        }
        let mode: Mode = server["mode"]?.string?.lowercased() == "shared" ? .shared : .personal
        let clientID = result["clientId"]?.lenientText(maximumLength: 1024).map { Secret($0) }
        if isEnabled, mode == .shared, clientID == nil { throw .missingClientID }

        let jwtExpiry = jwt.flatMap { JSONWebToken.expiry(of: $0) }
        let expiry = Timestamp.parse(result["exp"]).flatMap { $0 > 0 ? $0 : nil }
        let ends = channels.map(\.end) + [expiry, jwtExpiry.map { $0 - 300 }].compactMap(\.self)
        let time = Timestamp.parse(answer["time"]?["date_start"]) ?? Timestamp.parse(answer["time"]?["start"])
        var configuration = PullConfiguration(
            version: version(server["version"]?.lenientInt, channels: channels), mode: mode, isEnabled: isEnabled,
            webSocketURL: addresses.webSocket, longPollingURL: addresses.longPolling, channels: channels,
            clientID: clientID, jwt: jwt, jwtExpiry: jwtExpiry, expiry: expiry,
            timestamp: server["config_timestamp"]?.lenientInt ?? 0, portalTime: time.map { Double($0) },
            earliestEnd: ends.min() ?? assumedEnd(now: now))
        configuration.userID = userID(in: result)
        return configuration
    }

    /// `publicChannels` describes the channel of the asking user, by his id; where it is of use at all.
    private static func userID(in result: JSONValue) -> Int? {
        guard let users = result["publicChannels"]?.object, users.count == 1 else { return nil }
        return users[0].value["user_id"]?.lenientInt.flatMap { $0 > 0 ? $0 : nil }
    }

    /// The channels there are, private first: on version 4 the first one with a public id is the connection's identity.
    private static func channels(in result: JSONValue, now: Double) throws(ConfigurationError) -> [Channel] {
        var channels: [Channel] = []
        for (name, kind) in [("private", ChannelKind.private), ("shared", ChannelKind.shared)] {
            guard let member = result["channels"]?[name], let text = member["id"]?.lenientText(), !text.isEmpty else {
                continue
            }
            // One bad id makes a server refuse all of them.
            guard let id = ChannelID(text) else { throw .badChannelID }
            let publicID = member["public_id"]?.lenientText(maximumLength: ChannelID.maximumLength)
            channels.append(
                Channel(
                    kind: kind, id: id, publicID: publicID.map { Secret($0) },
                    start: Timestamp.parse(member["start"]), end: Timestamp.parse(member["end"]) ?? assumedEnd(now: now)
                ))
        }
        return channels
    }

    private static func assumedEnd(now: Double) -> Int64 {
        (Int64(exactly: now.rounded(.down)) ?? 0).addingReportingOverflow(12 * 3600).partialValue
    }

    /// Without a version: ids with a public half came with version 4.
    private static func version(_ number: Int?, channels: [Channel]) -> Int {
        if let number, 1...1_000_000 ~= number { return number }
        return channels.contains { $0.kind == .private && $0.id.secret.exposed.contains(":") } ? 4 : 3
    }
}

/// The push server's addresses that may be used.
private struct ServerAddresses {
    var webSocket: String?
    var longPolling: String?
    /// An address was left out because it is plain.
    var sawInsecure = false
    /// A portal on this machine may have its push server here too, without TLS. Another one must not point inside.
    private let portalIsLocal: Bool

    init(server: JSONValue, portalHost: String) {
        portalIsLocal = isLoopback(host: portalHost)
        let candidates = { (names: [String]) in
            names.compactMap { server[$0]?.string }.filter { !$0.isEmpty }
                .map { $0.replacing("#DOMAIN#", with: portalHost) }
        }
        // Very old portals have no such member: then the address decides.
        if server["websocket_enabled"]?.lenientBool ?? true {
            webSocket = choose(candidates(["websocket_secure", "websocket"]), secure: "wss", plain: "ws")
        }
        // The first spelling is the one that portals really send.
        longPolling = choose(
            candidates(["long_pooling_secure", "long_polling_secure", "long_pooling", "long_polling"]),
            secure: "https", plain: "http")
    }

    private mutating func choose(_ candidates: [String], secure: String, plain: String) -> String? {
        let parsed = candidates.compactMap { text in WebAddress(bare: text).map { (text, $0) } }
        if let (text, _) = parsed.first(where: { $0.1.scheme == secure }) { return text }
        let plainOnes = parsed.filter { $0.1.scheme == plain }
        if portalIsLocal, let (text, _) = plainOnes.first(where: { $0.1.isLoopback }) { return text }
        sawInsecure = sawInsecure || !plainOnes.isEmpty
        return nil
    }
}
