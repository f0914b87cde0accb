import Events
public import Secrets

/// The address of a push connection with all that the server wants to know in its query.
public struct ConnectionURL: Sendable, Hashable {
    public let url: Secret
    /// The same without secrets, for logs.
    public let redacted: String
    /// Headers to send with it, for long polling: no cache on the way, and for servers of versions 1 and 2 the position
    /// once more, where some of their configurations look for it.
    public let headers: [Header]

    public struct Header: Sendable, Hashable {
        public let name: String
        public let value: String
    }

    /// The revision of the official client's protocol.
    static let revision = "19"

    /// - Parameters:
    ///   - configuration: Where, and who we are.
    ///   - transport: Which of the two addresses.
    ///   - channels: Which channels; nil: all of the configuration. A token stands in for all of them in any case.
    ///   - position: Where to resume. One of a kind that the server's version does not know is left out.
    ///   - requestsBinary: Ask a server of version 4 for protobuf. Its text mode can be forged by senders.
    public static func make(
        _ configuration: PullConfiguration, transport: PushTransport, channels: [Channel]? = nil,
        position: Position, requestsBinary: Bool = true
    ) throws(ConfigurationError) -> ConnectionURL {
        guard configuration.isEnabled else { throw .disabled }
        let base =
            switch transport {
            case .webSocket: configuration.webSocketURL
            case .longPolling: configuration.longPollingURL
            }
        guard let base else { throw .noURL }
        var query = try identity(configuration, channels: channels ?? configuration.channels)
        if configuration.version >= 5 { query.append(("jsonRpc", "true")) }
        if configuration.version == 4, requestsBinary { query.append(("binaryMode", "true")) }
        if configuration.mode == .shared {
            guard let clientID = configuration.clientID, !clientID.isEmpty else { throw .missingClientID }
            query.append(("clientId", clientID.exposed))
        }
        var headers = transport == .longPolling ? [Header(name: "Cache-Control", value: "no-cache")] : []
        switch position {
        case .message(let id) where configuration.version >= 3:
            query.append(("mid", id.description))
        case .legacy(let tag, let time) where configuration.version <= 2:
            query.append(("tag", tag))
            query.append(("time", time))
            if transport == .longPolling {
                headers.append(Header(name: "If-Modified-Since", value: time))
                headers.append(Header(name: "If-None-Match", value: tag))
            }
        case .none, .message, .legacy:
            break
        }
        query.append(("revision", revision))
        let url = join(base, query)
        return ConnectionURL(url: Secret(url), redacted: Redaction.url(url), headers: headers)
    }

    /// Percent-encodes a name or a value byte by byte, as JavaScript's `encodeURIComponent` does.
    public static func encode(_ component: String) -> String {
        let digits = Array("0123456789ABCDEF".utf8)
        var result: [UInt8] = []
        for byte in component.utf8 {
            if isBare(byte) {
                result.append(byte)
            } else {
                result += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            }
        }
        return String(decoding: result, as: UTF8.self)
    }

    private static func isBare(_ byte: UInt8) -> Bool {
        (byte | 0x20) &- 0x61 < 26 || byte &- 0x30 <= 9 || "-_.!~*'()".utf8.contains(byte)
    }

    /// The token, or the ids joined by slashes: no part empty and none twice, or the server refuses all.
    private static func identity(
        _ configuration: PullConfiguration, channels: [Channel]
    ) throws(ConfigurationError) -> [(name: String, value: String)] {
        if let jwt = configuration.jwt, !jwt.isEmpty { return [("token", jwt.exposed)] }
        var ids: [ChannelID] = []
        for channel in channels.filter({ $0.kind == .private }) + channels.filter({ $0.kind != .private })
        where !ids.contains(channel.id) {
            ids.append(channel.id)
        }
        guard !ids.isEmpty else { throw .noChannels }
        return [("CHANNEL_ID", ids.map(\.secret.exposed).joined(separator: "/"))]
    }

    private static func join(_ base: String, _ query: [(name: String, value: String)]) -> String {
        let text = query.map { "\(encode($0.name))=\(encode($0.value))" }.joined(separator: "&")
        guard let mark = base.firstIndex(of: "?") else { return base + "?" + text }
        let needsJoint = base.index(after: mark) < base.endIndex && base.last != "&"
        return base + (needsJoint ? "&" : "") + text
    }
}
