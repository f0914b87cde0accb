import Events
import PullProtocol
import Secrets

/// Executes binary requests: of clients, by their connection or by HTTP, and of the portal, which is trusted.
struct BinaryPublishing: Sendable {
    /// Most messages in a request, and most receivers of a message.
    static let limit = 100

    enum Publisher: Sendable {
        /// The connection's public id, if it has one.
        case client(publicID: String?)
        case portal
    }

    let options: SandboxOptions
    let hub: PushHub

    /// - Returns: the answer to send back, nil if there is none.
    func execute(_ bytes: [UInt8], by publisher: Publisher) -> Result<[UInt8]?, PublishRefusal> {
        switch PublishRequest(bytes) {
        case nil: return refuse(4013, "Request is not decodable.")
        case .statistics(let channels): return .success(statistics(of: channels))
        case .publish(let messages):
            if let refusal = check(messages, by: publisher) { return .failure(refusal) }
            for message in messages {
                let receivers = message.receivers.map {
                    ChannelKey(id: Digest.hex($0.id), isPublic: !$0.isPrivate)
                }
                hub.publish(message.body, to: receivers, expiry: message.expiry, sender: sender(publisher))
            }
            return .success(nil)
        }
    }

    private func check(_ messages: [PublishRequest.Message], by publisher: Publisher) -> PublishRefusal? {
        if case .client(nil) = publisher { return PublishRefusal(4012, "Public channel id is required.") }
        if messages.count > Self.limit { return PublishRefusal(4016, "Too many messages.") }
        for message in messages {
            if message.receivers.isEmpty { return PublishRefusal(4017, "No receivers.") }
            if message.receivers.count > Self.limit { return PublishRefusal(4018, "Too many receivers.") }
            for receiver in message.receivers {
                guard receiver.id.count == 16 else { return PublishRefusal(4019, "Malformed channel id.") }
                if case .portal = publisher { continue }
                if receiver.isPrivate { return PublishRefusal(4020, "Private channel is not allowed.") }
                let wanted = ChannelSignature.signPublic(publicHex: Digest.hex(receiver.id), key: options.key)
                if Digest.hex(receiver.signature) != wanted { return PublishRefusal(4021, "Wrong signature.") }
            }
        }
        return nil
    }

    /// The sender is the server's word, whatever the request said.
    private func sender(_ publisher: Publisher) -> Sender {
        switch publisher {
        case .portal: return Sender(kind: .backend)
        case .client(let publicID):
            let id = publicID.flatMap { text in
                UInt64(text.prefix(16), radix: 16).flatMap { high in
                    UInt64(text.suffix(16), radix: 16).map { (high: high, low: $0) }
                }
            }
            return Sender(kind: .client, id: id)
        }
    }

    private func statistics(of channels: [ChannelAddress]) -> [UInt8] {
        let keys = channels.map { ChannelKey(id: Digest.hex($0.id), isPublic: !$0.isPrivate) }
        let online = Set(hub.online(keys))
        var batch = ProtobufWriter()
        batch.message(1) { response in
            response.message(2) { statistics in
                for (channel, key) in zip(channels, keys) {
                    statistics.message(1) { entry in
                        entry.bytes(1, channel.id)
                        if channel.isPrivate { entry.varint(2, 1) }
                        if online.contains(key) { entry.varint(3, 1) }
                    }
                }
            }
        }
        return batch.bytes
    }

    private func refuse(_ code: UInt16, _ text: String) -> Result<[UInt8]?, PublishRefusal> {
        .failure(PublishRefusal(code, text))
    }
}

/// Why a binary request was not executed: a close code on a WebSocket, its text under HTTP 400.
struct PublishRefusal: Error {
    var close: PushClose

    init(_ code: UInt16, _ text: String) {
        close = PushClose(code: code, reason: "\(code): \(text)")
    }
}
