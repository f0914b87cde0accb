import Synchronization

/// Faults that wait for the next occasion. Those that hit standing connections are done by the hub at once.
public final class Faults: Sendable {
    /// An answer as it goes out.
    public struct RawAnswer: Sendable, Equatable {
        public var status: Int
        public var body: String

        public init(status: Int, body: String) {
            self.status = status
            self.body = body
        }
    }

    /// Damage to the config answer that is no answer of its own.
    enum ConfigDamage: String, Sendable {
        /// `"channels":[]`: PHP's empty map.
        case noChannels = "C4"
        /// Real time is switched off.
        case switchedOff = "C7"
        /// Mode `shared` without the `clientId` it needs.
        case noClientID = "C10"
    }

    /// What a config call gets instead of its answer.
    enum ConfigFault: Sendable {
        case raw(RawAnswer)
        case damage(ConfigDamage)
    }

    /// A fault for the next `count` occasions.
    private struct Armed<Fault> {
        var fault: Fault
        var count: Int
    }

    private struct State {
        var upgrade: Armed<RawAnswer>?
        var poll: Armed<RawAnswer>?
        var config: Armed<ConfigFault>?
        var closesAfterAccept: Armed<PushClose>?
        var historyDelay = 0.0
        var outOfOrder = 0.0
    }

    private let state = Mutex(State())

    /// Ends every fault that waits.
    public func clear() {
        state.withLock { $0 = State() }
    }

    // MARK: Setting

    /// The next `count` WebSocket handshakes are answered with this.
    public func refuseUpgrades(_ answer: RawAnswer, count: Int = 1) {
        state.withLock { $0.upgrade = Armed(fault: answer, count: count) }
    }

    /// The next `count` long polls are answered with this.
    public func refusePolls(_ answer: RawAnswer, count: Int = 1) {
        state.withLock { $0.poll = Armed(fault: answer, count: count) }
    }

    /// The next `count` config calls are answered with this.
    public func failConfigs(_ answer: RawAnswer, count: Int = 1) {
        state.withLock { $0.config = Armed(fault: .raw(answer), count: count) }
    }

    /// The next `count` config calls are answered by the vector of this name, such as `C4` or `C9-expired`.
    ///
    /// - Returns: false if there is no such vector.
    public func failConfigs(vector: String, count: Int = 1) -> Bool {
        let fault: ConfigFault
        if let damage = ConfigDamage(rawValue: vector) {
            fault = .damage(damage)
        } else if let answer = Self.vectors[vector] {
            fault = .raw(answer)
        } else {
            return false
        }
        state.withLock { $0.config = Armed(fault: fault, count: count) }
        return true
    }

    /// The next `count` WebSockets are accepted and then closed at once.
    public func closeAfterAccept(_ close: PushClose, count: Int = 1) {
        state.withLock { $0.closesAfterAccept = Armed(fault: close, count: count) }
    }

    /// Seconds between the reading of a history and the registration of its subscriber. What is published in between
    /// reaches nobody live: the hole that real servers have there, wider.
    public func delayHistory(by seconds: Double) {
        state.withLock { $0.historyDelay = max(0, seconds) }
    }

    /// The probability with which a message is numbered, but stored and sent only after the next one.
    public func publishOutOfOrder(probability: Double) {
        state.withLock { $0.outOfOrder = probability }
    }

    // MARK: Taking

    func takeUpgradeRefusal() -> RawAnswer? {
        state.withLock { Self.take(&$0.upgrade) }
    }

    func takePollRefusal() -> RawAnswer? {
        state.withLock { Self.take(&$0.poll) }
    }

    func takeConfigFault() -> ConfigFault? {
        state.withLock { Self.take(&$0.config) }
    }

    func takeCloseAfterAccept() -> PushClose? {
        state.withLock { Self.take(&$0.closesAfterAccept) }
    }

    var historyDelay: Double { state.withLock { $0.historyDelay } }

    func holdsBack() -> Bool {
        let probability = state.withLock { $0.outOfOrder }
        return probability > 0 && Double.random(in: 0..<1) < probability
    }

    private static func take<Fault>(_ armed: inout Armed<Fault>?) -> Fault? {
        guard let current = armed, current.count > 0 else { return nil }
        armed?.count -= 1
        return current.fault
    }

    /// Config answers that portals really give.
    static let vectors: [String: RawAnswer] = [
        "C8": RawAnswer(
            status: 200,
            body: #"{"error":"SERVER_ERROR","error_description":"Push & Pull server is not configured"}"#),
        "C9-wrong-auth": RawAnswer(
            status: 403,
            body: #"{"error":"WRONG_AUTH_TYPE","error_description":"Application context required"}"#),
        "C9-expired": RawAnswer(
            status: 401,
            body: #"{"error":"expired_token","error_description":"The access token provided has expired."}"#),
        "C9-connection": RawAnswer(
            status: 401,
            body: #"{"error":"CONNECTION_ERROR","error_description":"Error connecting to authorization server"}"#),
        "C13-list": RawAnswer(status: 200, body: #"{"result":[]}"#),
        "C13-false": RawAnswer(status: 200, body: #"{"result":false}"#),
        "C13-null": RawAnswer(status: 200, body: #"{"result":null}"#),
        "C13-text": RawAnswer(status: 200, body: "<html><body>Bad gateway</body></html>"),
        "C15": RawAnswer(
            status: 401, body: #"{"error":{"code":"expired_token","message":"The access token provided has expired."}}"#
        ),
    ]
}
