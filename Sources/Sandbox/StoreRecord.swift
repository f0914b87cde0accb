import Events
import JSONText

/// One record of the store file.
enum StoreRecord: Sendable {
    case store(generation: UInt64)
    case back(by: UInt64)
    case token(SandboxCredentials, end: Double)
    case channel(PortalChannel)
    case message(StoredMessage, receivers: [ChannelKey], number: Int?, publishedAt: Int64)

    var bytes: [UInt8] {
        switch self {
        case .store(let generation): return line("store", [("generation", .integer(generation))])
        case .back(let count): return line("back", [("by", .integer(count))])
        case .token(let user, let end):
            return line(
                "token",
                [
                    ("user", .integer(user.user)), ("access", .string(user.accessToken)), ("end", .decimal(end)),
                    ("refresh", .string(user.refreshToken)), ("webhook", .string(user.webhookCode)),
                ])
        case .channel(let channel):
            return line(
                "channel",
                [
                    ("owner", .string(channel.owner.isApplication ? "application" : "portal")),
                    ("user", channel.owner.user.map { .integer($0) } ?? .null),
                    ("id", .string(channel.id)), ("public", channel.publicID.map { .string($0) } ?? .null),
                    ("start", .decimal(channel.start)), ("end", .decimal(channel.end)),
                ])
        case .message(let message, let receivers, let number, let publishedAt):
            var members: [(key: String, value: JSONValue)] = [
                ("counter", .integer(message.id.counter)),
                ("to", .array(receivers.map { .string(($0.isPublic ? "+" : "") + $0.id) })),
                ("expiry", .integer(message.expiry)), ("time", .decimal(message.createdAt)),
                ("at", .integer(publishedAt)),
            ]
            if let number { members.append(("n", .integer(number))) }
            if let sender = message.sender {
                members.append(("from", .integer(sender.kind.rawValue)))
                if let id = sender.id { members.append(("id", .array([.integer(id.high), .integer(id.low)]))) }
            }
            members.append(("bytes", .integer(message.body.count)))
            return line("message", members) + message.body + [UInt8(ascii: "\n")]
        }
    }

    private func line(_ kind: String, _ members: [(key: String, value: JSONValue)]) -> [UInt8] {
        JSONValue.object([("k", .string(kind))] + members).serialized() + [UInt8(ascii: "\n")]
    }
}

extension ChannelOwner {
    var user: Int? {
        switch self {
        case .applicationPrivate(let user), .portalPrivate(let user): user
        case .applicationShared, .portalShared: nil
        }
    }

    init(isApplication: Bool, user: Int?) {
        switch (isApplication, user) {
        case (true, let user?): self = .applicationPrivate(user: user)
        case (false, let user?): self = .portalPrivate(user: user)
        case (true, nil): self = .applicationShared
        case (false, nil): self = .portalShared
        }
    }
}
