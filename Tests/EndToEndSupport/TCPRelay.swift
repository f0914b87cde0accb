import Foundation
import Synchronization

/// A cable on the loopback that a test can cut, freeze, delay, slow down and let die in silence.
public final class TCPRelay: Sendable {
    public enum Cut: Sendable {
        /// RST to both sides, as when a machine forgets its connections.
        case reset
        /// FIN to both sides, as when a proxy ends in order.
        case finish
    }

    /// What happens to bytes and connections from now on.
    public struct Behaviour: Sendable, Hashable {
        /// Nothing moves and nothing is lost: the peers see silence.
        public var isFrozen = false
        /// New connections are reset at once.
        public var refuses = false
        /// Added to every chunk's way, in each direction.
        public var delay = Duration.zero
        /// In each direction of each connection; nil: as fast as it goes.
        public var bytesPerSecond: Int?
        /// The most that is handed on in one piece; nil: as much as there is.
        public var pieceSize: Int?
        /// Everything is taken from both sides and thrown away, and neither is told, as when a router on the way forgets a
        /// connection. A connection that was in this state never works again.
        public var isHalfOpen = false

        public init() {}

        /// Nothing comes out of the ordinary.
        public static let whole = Behaviour()
        public static let halfOpen = Behaviour { $0.isHalfOpen = true }
        public static let byteByByte = Behaviour { $0.pieceSize = 1 }
        public static let refusing = Behaviour { $0.refuses = true }
        public static func slow(bytesPerSecond: Int, delay: Duration = .zero) -> Behaviour {
            Behaviour {
                $0.bytesPerSecond = bytesPerSecond
                $0.delay = delay
            }
        }

        private init(_ change: (inout Behaviour) -> Void) {
            change(&self)
        }
    }

    /// Which connections a behaviour is for.
    public enum Scope: Sendable {
        case standing
        case new
        case all
    }

    public let port: UInt16
    private let shared: Shared

    /// What the test and the relay's thread both touch.
    final class Shared: Sendable {
        struct State {
            /// Of connections to come.
            var behaviour = Behaviour()
            /// For those that stand, to be taken over by the loop.
            var change: Behaviour?
            var cut: Cut?
            var cutsAsked = 0
            var cutsDone = 0
            var isClosed = false
            var open = 0
            var accepted = 0
            var bytes = 0
        }
        let state = Mutex(State())
    }

    /// Listens on a free port and relays to `target` on 127.0.0.1.
    public init(to target: UInt16) throws {
        let (listener, port) = try LoopbackPort.listener(backlog: 4096)
        self.port = port
        let shared = Shared()
        self.shared = shared
        Thread.detachNewThread { RelayLoop(listener: listener, target: target, shared: shared).run() }
    }

    deinit {
        shared.state.withLock { $0.isClosed = true }
    }

    /// Of all connections, those that stand and those to come. Reading gives that of those to come.
    public var behaviour: Behaviour {
        get { shared.state.withLock { $0.behaviour } }
        set { set(newValue, for: .all) }
    }

    /// Takes effect within some milliseconds.
    public func set(_ behaviour: Behaviour, for scope: Scope) {
        shared.state.withLock { state in
            if scope != .standing { state.behaviour = behaviour }
            if scope != .new { state.change = behaviour }
        }
    }

    /// Connections that are open on both sides at this moment.
    public var openConnections: Int { shared.state.withLock { $0.open } }
    /// Connections accepted since the start.
    public var acceptedConnections: Int { shared.state.withLock { $0.accepted } }
    /// Bytes handed on, both directions.
    public var relayedBytes: Int { shared.state.withLock { $0.bytes } }

    /// Cuts all connections that are open now, and returns when it is done. Later ones are accepted as before.
    public func cut(_ how: Cut) async throws {
        let number = shared.state.withLock { state in
            state.cut = how
            state.cutsAsked += 1
            return state.cutsAsked
        }
        try await eventually(within: .seconds(30), "the relay cuts its connections") {
            shared.state.withLock { $0.cutsDone >= number }
        }
    }
}
