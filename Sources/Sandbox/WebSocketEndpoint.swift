/// `/subws/`: what the handshake is answered with. The rest is the session's.
struct WebSocketEndpoint: Sendable {
    let options: SandboxOptions
    let faults: Faults
    let meter: UpgradeMeter

    func answer(_ request: WebRequest) async -> WebReply {
        let reply = await decide(request)
        meter.record(reply)
        return reply
    }

    private func decide(_ request: WebRequest) async -> WebReply {
        if let blockade = faults.upgradeBlockade {
            return await blockade.reply(while: { faults.upgradeBlockade != nil })
        }
        if let refusal = faults.takeUpgradeRefusal() { return refusal.reply }
        let delay = faults.acceptDelay
        if delay > 0 { try? await Task.sleep(for: .seconds(delay)) }
        switch SubscribeRequest.parse(request, options: options) {
        case .success(var subscription):
            subscription.closeAtOnce = faults.takeCloseAfterAccept()
            subscription.isSilent = faults.acceptsSilently
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
        PushSubscription(channels: ChannelList(), form: .text, position: nil, closeAtOnce: close)
    }
}
