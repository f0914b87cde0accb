import Synchronization

/// The holes through which push servers lose live messages. Each opens with a settable probability, and is counted when
/// it really struck.
public final class Holes: Sendable {
    /// How often each hole opens: 0 is never, 1 always.
    public struct Odds: Sendable, Equatable {
        /// Of a message for one WebSocket: it is not sent there, as if it fell between ping and pong, and a ping is sent
        /// instead.
        public var pingWindow = 0.0
        /// Of a subscription with a position, WebSocket or poll: it is registered only some time after its history was
        /// read.
        public var subscribeRace = 0.0
        /// Seconds between the reading and the registration then.
        public var raceSeconds = 0.05
        /// Of a message: it is numbered at once, but stored and sent later, by a random time.
        public var outOfOrder = 0.0
        /// Longest such time, seconds. The shortest is a millisecond.
        public var orderSeconds = 0.5

        public init() {}
    }

    /// What really happened, since the start or the last reset.
    public struct Counts: Sendable, Equatable {
        /// Messages not sent to a WebSocket, one for each connection.
        public var droppedAtPing = 0
        /// Subscriptions that were registered late.
        public var racedSubscriptions = 0
        /// Messages that such a subscription got neither as history nor live.
        public var lostInRace = 0
        /// Messages held back.
        public var heldBack = 0
        /// Those among them that were stored after a message of a higher id.
        public var overtaken = 0
    }

    private struct State {
        var odds = Odds()
        var counts = Counts()
        var random: RandomSequence
    }

    private let state: Mutex<State>

    /// - Parameter seed: the same seed gives the same decisions in the same order.
    init(seed: UInt64?) {
        state = Mutex(State(random: RandomSequence(seed: seed ?? .random(in: 0...UInt64.max))))
    }

    public var odds: Odds {
        get { state.withLock { $0.odds } }
        set { state.withLock { $0.odds = newValue } }
    }

    public var counts: Counts { state.withLock { $0.counts } }

    func reset() { state.withLock { $0.counts = Counts() } }

    var mayDropAtPing: Bool { odds.pingWindow > 0 }

    func dropsAtPing() -> Bool {
        state.withLock { state in
            guard state.random.strikes(state.odds.pingWindow) else { return false }
            state.counts.droppedAtPing += 1
            return true
        }
    }

    /// Seconds by which a subscription is registered after its history was read. Nil: at once.
    func subscribeRace() -> Double? {
        state.withLock { state in
            guard state.random.strikes(state.odds.subscribeRace) else { return nil }
            state.counts.racedSubscriptions += 1
            return state.odds.raceSeconds
        }
    }

    func countLostInRace(_ messages: Int) {
        state.withLock { $0.counts.lostInRace += messages }
    }

    /// Seconds by which a numbered message is held back. Nil: not at all.
    func holdBack() -> Double? {
        state.withLock { state in
            guard state.random.strikes(state.odds.outOfOrder) else { return nil }
            state.counts.heldBack += 1
            return .random(in: 0.001...max(0.001, state.odds.orderSeconds), using: &state.random)
        }
    }

    func countOvertaken() {
        state.withLock { $0.counts.overtaken += 1 }
    }
}

/// SplitMix64: small, and good enough for dice.
struct RandomSequence: RandomNumberGenerator, Sendable {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }

    /// Takes nothing from the sequence where the odds are none.
    mutating func strikes(_ probability: Double) -> Bool {
        probability > 0 && Double.random(in: 0..<1, using: &self) < probability
    }
}
