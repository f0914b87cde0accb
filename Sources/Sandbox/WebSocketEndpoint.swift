/// `/subws/`: what the handshake is answered with. The rest is the session's.
struct WebSocketEndpoint: Sendable {
    let options: SandboxOptions
    let faults: Faults

    func answer(_ request: WebRequest) -> WebReply {
        if let refusal = faults.takeUpgradeRefusal() { return .text(refusal.body, status: refusal.status) }
        switch SubscribeRequest.parse(request, options: options) {
        case .success(var subscription):
            subscription.closeAtOnce = faults.takeCloseAfterAccept()
            return .upgrade(subscription)
        case .failure(let refusal):
            let close = refusal == .wrongChannel ? PushClose.wrongChannel : .wrongClient
            if options.wrongChannelAnswer == .closeAfterAccept { return .upgrade(.refused(with: close)) }
            switch refusal {
            case .wrongClient: return .text(close.reason, status: 400)
            case .wrongChannel where options.serverVersion < 4: return .text("Bad Request", status: 400)
            case .wrongChannel: return .text("Wrong Channel Id.", status: 400)
            }
        }
    }
}

extension PushSubscription {
    /// A subscription to nothing, for a connection that is closed as soon as it stands.
    static func refused(with close: PushClose) -> PushSubscription {
        PushSubscription(channels: ChannelList(), isBinary: false, position: nil, closeAtOnce: close)
    }
}
