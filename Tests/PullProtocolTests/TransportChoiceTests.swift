import PullProtocol
import Testing

struct TransportChoiceTests {
    private func choose(
        _ choice: TransportChoice, webSocket: Bool = true, longPolling: Bool = true, version: Int = 4,
        enabled: Bool = true, blocked: Bool = false
    ) -> PushTransport? {
        let configuration = PullConfiguration(
            version: version, isEnabled: enabled, webSocketURL: webSocket ? "wss://h.test/" : nil,
            longPollingURL: longPolling ? "https://h.test/" : nil, earliestEnd: 0)
        return choice.transport(for: configuration, webSocketIsBlocked: blocked)
    }

    @Test("WebSocket first, long polling where that is missing or blocked, nothing where real time is off")
    func automatic() {
        #expect(choose(.automatic) == .webSocket)
        #expect(choose(.automatic, blocked: true) == .longPolling)
        #expect(choose(.automatic, webSocket: false) == .longPolling)
        #expect(choose(.automatic, longPolling: false, blocked: true) == .webSocket)
        #expect(choose(.automatic, webSocket: false, longPolling: false) == nil)
        #expect(choose(.automatic, enabled: false) == nil)
    }

    @Test("From version 5 on a block does not lead to long polling")
    func jsonRPC() {
        #expect(choose(.automatic, version: 5, blocked: true) == .webSocket)
        #expect(choose(.automatic, webSocket: false, version: 5) == .longPolling)
    }

    @Test("What the operator wants is tried alone")
    func forced() {
        #expect(choose(.webSocketOnly, blocked: true) == .webSocket)
        #expect(choose(.webSocketOnly, webSocket: false) == nil)
        #expect(choose(.longPollingOnly) == .longPolling)
        #expect(choose(.longPollingOnly, longPolling: false) == nil)
    }
}
