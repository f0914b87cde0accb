import JSONText
import PullProtocol

/// The portal's own way in, `/pub/`, and the clients' by HTTP, `/publish/`. Both answer before anybody has the message.
struct PublishEndpoint: Sendable {
    static let portalPath = "/pub/"

    /// Characters of a body.
    static let sizeLimit = 1_000_000

    let options: SandboxOptions
    let hub: PushHub
    let publishing: BinaryPublishing

    /// `POST /pub/?CHANNEL_ID=id32[/id32…]` with the message as body: it goes to the ids as private receivers (a public
    /// part of a signed id is a receiver too), for `Message-Expiry` seconds. `GET` tells which of the ids are online.
    func portal(_ request: WebRequest) -> WebReply {
        if request.method == "POST", request.body.count > Self.sizeLimit { return .text("", status: 413) }
        if request.method == "POST", request.query.single("binaryMode") == "true" {
            return answer(publishing.execute(request.body, by: .portal))
        }
        guard let text = request.query.single("CHANNEL_ID"),
            let channels = ChannelList(text, for: .publish, key: options.key)
        else {
            return .text(PushClose.wrongChannel.reason, status: 400)
        }
        if request.method == "GET" { return statistics(channels) }
        if request.body.isEmpty, options.serverVersion < 4 {
            return .text("Empty post requests are not allowed.", status: 400)
        }
        hub.publish(request.body, to: channels.keys, expiry: expiry(request))
        return .text("", status: 200)
    }

    /// `POST /publish/?CHANNEL_ID=<own private id>` with a `RequestBatch`.
    func client(_ request: WebRequest) -> WebReply {
        switch SubscribeRequest.parse(request, options: options) {
        case .failure(.wrongClient): return .text(PushClose.wrongClient.reason, status: 400)
        case .failure(.wrongChannel): return .text(PushClose.wrongChannel.reason, status: 400)
        case .success(let subscription):
            return answer(
                publishing.execute(request.body, by: .client(publicID: subscription.channels.publicID)))
        }
    }

    /// Version 4 stores nothing without an expiry; version 3 keeps it for a day.
    private func expiry(_ request: WebRequest) -> UInt32 {
        let seconds = request.headers["message-expiry"].flatMap { UInt32($0) } ?? 0
        return seconds == 0 && options.serverVersion < 4 ? UInt32(PushStore.retention) : seconds
    }

    private func statistics(_ channels: ChannelList) -> WebReply {
        let online = hub.online(channels.keys.filter { !$0.isPublic })
        let infos = online.map {
            JSONValue.object([("channel", .string($0.id)), ("subscribers", .integer(1))])
        }
        return .json(.object([("infos", .array(infos))]))
    }

    private func answer(_ result: Result<[UInt8]?, PublishRefusal>) -> WebReply {
        switch result {
        case .success(let answer): .response(status: 200, headers: [], body: answer ?? [])
        case .failure(let refusal): .text(refusal.close.reason, status: 400)
        }
    }
}
