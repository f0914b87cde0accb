import Settings

/// What WebSocket, long polling and the test event come to, judged together: what one way brings, the other should bring
/// too, and one of them is enough where the file leaves the choice.
struct WayFindings {
    let transport: PortalSettings.Transport
    let offersLongPolling: Bool

    /// - Parameter results: of the ways that were tried.
    func of(_ results: [PushWay: WayResult], _ event: EventResult) -> [Finding] {
        var results = results
        if case .arrived(let ways, _, _) = event {
            for (way, result) in results where result.isGood && !ways.contains(way) {
                results[way] = .bad(
                    message: "agreed, and the test event did not come by it",
                    cure: "look for what is in between (proxy, firewall) and holds back what the push server sends",
                    took: nil)
            }
        }
        let mayReplace = transport == .auto && results.values.contains(where: \.isGood)
        return [
            finding(.webSocket, results[.webSocket], instead: mayReplace ? "long polling works" : nil),
            finding(.longPoll, results[.longPoll], instead: mayReplace ? "WebSocket works" : nil),
            Self.finding(event),
        ]
    }

    private func finding(_ way: PushWay, _ result: WayResult?, instead: String?) -> Finding {
        let stage = way == .webSocket ? CheckStage.webSocket : .longPoll
        switch result {
        case nil:
            return .skipped(stage, whyNotTried(way))
        case .good(let took):
            return .ok(stage, way == .webSocket ? "open" : took == nil ? "waits" : "answered", took: took)
        case .bad(let message, let cure, let took):
            guard let instead else { return .failed(stage, .unavailable, message, cure: cure, took: took) }
            return .warning(stage, "\(message); \(instead)", cure: cure, took: took)
        }
    }

    private func whyNotTried(_ way: PushWay) -> String {
        switch (way, transport) {
        case (.webSocket, .longPolling), (.longPoll, .websocket): "the file says transport: \(transport.rawValue)"
        case (.webSocket, _): "the portal offers none"
        case (.longPoll, _): offersLongPolling ? "not for JSON-RPC" : "the portal offers none"
        }
    }

    private static func finding(_ event: EventResult) -> Finding {
        switch event {
        case .arrived(_, let took, let isSecond):
            return .ok(.event, isSecond ? "there and back, at the second try" : "there and back", took: took)
        case .lost(let limit):
            return .failed(
                .event, .unavailable, "published, and not here after \(TimeSpan.text(limit / .seconds(1)))",
                cure: "check that the portal reaches its push server: the publishing address in the settings of its "
                    + "Push and Pull module")
        case .refused(let message, let cure, let needsPerson):
            return .failed(
                .event, needsPerson ? .noPermission : .unavailable, message,
                cure: cure.isEmpty ? "check the way to the portal" : cure)
        case .notSent(let reason):
            return .skipped(.event, reason)
        }
    }
}
