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
        var acceptDelay = 0.0
        var acceptsSilently = false
        var upgradeBlockade: Blockade?
        var pollBlockade: Blockade?
        var tokenBlockade: Blockade?
        var tokenDelay = 0.0
        var lostTokenAnswers = 0
        var tokenLife: Double?
        var refusesTokenPosts = false
        var memberID: String?
        var configOutage: (end: ContinuousClock.Instant, kind: Blockade)?
    }

    /// How often messages fall into holes.
    public let holes: Holes

    private let state = Mutex(State())

    /// - Parameter seed: of the holes.
    init(seed: UInt64? = nil) {
        holes = Holes(seed: seed)
    }

    /// Ends every fault that waits or lasts, and closes the holes.
    public func clear() {
        state.withLock { $0 = State() }
        holes.odds = Holes.Odds()
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

    /// Seconds for which a WebSocket handshake waits for its answer.
    public func delayAccept(by seconds: Double) {
        state.withLock { $0.acceptDelay = max(0, seconds) }
    }

    /// Handshakes succeed, and then nothing is ever sent, pongs included.
    public func acceptSilently(_ isSilent: Bool) {
        state.withLock { $0.acceptsSilently = isSilent }
    }

    /// Shuts the WebSocket door, while REST and polls work. Nil opens it.
    public func blockUpgrades(_ blockade: Blockade?) {
        state.withLock { $0.upgradeBlockade = blockade }
    }

    /// Shuts the long polling door. Nil opens it.
    public func blockPolls(_ blockade: Blockade?) {
        state.withLock { $0.pollBlockade = blockade }
    }

    /// Every config call fails for some time from now.
    public func failAllConfigs(for seconds: Double, _ kind: Blockade) {
        state.withLock { $0.configOutage = (ContinuousClock.now.advanced(by: .seconds(seconds)), kind) }
    }

    // MARK: The authorisation server

    /// Shuts it. Nil opens it.
    public func blockTokens(_ blockade: Blockade?) {
        state.withLock { $0.tokenBlockade = blockade }
    }

    /// Seconds for which it waits before it does anything.
    public func delayTokens(by seconds: Double) {
        state.withLock { $0.tokenDelay = max(0, seconds) }
    }

    /// The next `count` answers with new tokens are lost: the old refresh token is used up, and nobody knows the new one.
    public func loseTokenAnswers(count: Int = 1) {
        state.withLock { $0.lostTokenAnswers = count }
    }

    /// Access tokens issued from now on live for so many seconds. Nil: as the options say.
    public func setTokenLife(_ seconds: Double?) {
        state.withLock { $0.tokenLife = seconds }
    }

    /// Whether it takes nothing but the documented GET.
    public func refuseTokenPosts(_ isRefusing: Bool) {
        state.withLock { $0.refusesTokenPosts = isRefusing }
    }

    /// Answers are for another portal. Nil: for this one.
    public func setMemberID(_ id: String?) {
        state.withLock { $0.memberID = id }
    }

    var tokenBlockade: Blockade? { state.withLock { $0.tokenBlockade } }
    var tokenDelay: Double { state.withLock { $0.tokenDelay } }
    var tokenLife: Double? { state.withLock { $0.tokenLife } }
    var refusesTokenPosts: Bool { state.withLock { $0.refusesTokenPosts } }
    var memberID: String? { state.withLock { $0.memberID } }

    func takeLostTokenAnswer() -> Bool {
        state.withLock { state in
            guard state.lostTokenAnswers > 0 else { return false }
            state.lostTokenAnswers -= 1
            return true
        }
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

    var acceptDelay: Double { state.withLock { $0.acceptDelay } }
    var acceptsSilently: Bool { state.withLock { $0.acceptsSilently } }
    var upgradeBlockade: Blockade? { state.withLock { $0.upgradeBlockade } }
    var pollBlockade: Blockade? { state.withLock { $0.pollBlockade } }
    var configOutage: Blockade? {
        state.withLock { state in state.configOutage.flatMap { $0.end > .now ? $0.kind : nil } }
    }

    private static func take<Fault>(_ armed: inout Armed<Fault>?) -> Fault? {
        guard let current = armed, current.count > 0 else { return nil }
        armed?.count -= 1
        return current.fault
    }
}
