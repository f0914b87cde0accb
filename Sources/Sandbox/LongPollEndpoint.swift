import Events

/// `/sub/`: one answer a request. With a position and something stored after it the whole history comes at once;
/// otherwise the request waits for the next message, or for the end of the hold.
struct LongPollEndpoint: Sendable {
    /// The mark in `Expires` by which clients know that no proxy made a 304.
    static let mark = "Thu, 01 Jan 1973 11:11:01 GMT"

    let options: SandboxOptions
    let hub: PushHub
    let faults: Faults
    let meter: PollMeter
    let peers: PeerWatch
    let addresses: PortalAddresses

    func answer(_ request: WebRequest) async -> WebReply {
        if let blockade = faults.pollBlockade { return await blockade.reply(while: { faults.pollBlockade != nil }) }
        if let refusal = faults.takePollRefusal() { return refusal.reply }
        switch SubscribeRequest.parse(request, options: options) {
        case .failure(let refusal): return refuse(refusal)
        case .success(let subscription):
            let peer = request.peerPort.flatMap { peers.peer(port: $0, server: addresses.listeningPort) }
            let channels = subscription.channels.keys.map(\.id).sorted().joined(separator: "/")
            let number = meter.begin(channels, peer: peer)
            let answer = await wait(subscription, peer: peer)
            meter.end(number, of: channels)
            // Before the server library closes its own: the connection ends with the last descriptor.
            peer?.close()
            return reply(answer, isBinary: subscription.form == .binary)
        }
    }

    private func wait(_ subscription: PushSubscription, peer: PeerWatch.Peer?) async -> PollAnswer {
        let (answers, answer) = AsyncStream<PollAnswer>.makeStream()
        let outlet = PushOutlet.poll { result in
            answer.yield(result)
            answer.finish()
        }
        let id = await hub.open(subscription, outlet: outlet)
        return await withTaskGroup(of: PollAnswer?.self) { group in
            group.addTask { await answers.first { _ in true } }
            group.addTask {
                guard let id else { return nil }
                try? await Task.sleep(for: .seconds(options.pollHold))
                if !Task.isCancelled { hub.expirePoll(id) }
                return nil
            }
            if let peer {
                group.addTask {
                    await peers.waitUntilGone(peer)
                    return .cut
                }
            }
            defer {
                group.cancelAll()
                if let id { hub.close(id) }
            }
            for await case let result? in group { return result }
            return .cut
        }
    }

    private func reply(_ answer: PollAnswer, isBinary: Bool) -> WebReply {
        switch answer {
        case .messages(let unit):
            let type = isBinary ? "application/octet-stream" : "text/plain"
            return .response(status: 200, headers: [("Content-Type", type)], body: unit)
        case .timeout(let newest):
            let headers = [
                (name: "Last-Message-Id", value: newest?.description ?? ""), (name: "Expires", value: Self.mark),
            ]
            return .response(status: 304, headers: headers, body: [])
        case .refused(let close):
            // Codes below 1000 are HTTP's own; 4000 is success; 4029 has a status of its own.
            let status = close.code < 1_000 ? Int(close.code) : [4_000: 200, 4_029: 429][close.code] ?? 400
            return .text(close.reason, status: status)
        case .cut:
            return .cut
        }
    }

    private func refuse(_ refusal: SubscribeRequest.Refusal) -> WebReply {
        switch refusal {
        case .wrongClient: .text(PushClose.wrongClient.reason, status: 400)
        case .wrongChannel where options.serverVersion < 4: .text("Channel id is not correct.", status: 400)
        case .wrongChannel: .text(PushClose.wrongChannel.reason, status: 400)
        }
    }
}
