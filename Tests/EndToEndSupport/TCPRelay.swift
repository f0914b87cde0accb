import Foundation
import Synchronization

/// A cable on the loopback that a test can cut, freeze, delay and slow down.
public final class TCPRelay: Sendable {
    public enum Cut: Sendable {
        /// RST to both sides, as when a machine forgets its connections.
        case reset
        /// FIN to both sides, as when a proxy ends in order.
        case finish
    }

    /// What happens to bytes and connections from now on.
    public struct Behaviour: Sendable {
        /// Nothing moves and nothing is lost: the peers see silence.
        public var isFrozen = false
        /// New connections are reset at once.
        public var refuses = false
        /// Added to every chunk's way, in each direction.
        public var delay = Duration.zero
        /// In each direction of each connection; nil: as fast as it goes.
        public var bytesPerSecond: Int?
    }

    public let port: UInt16
    private let shared: Shared

    /// What the test and the relay's thread both touch.
    final class Shared: Sendable {
        struct State {
            var behaviour = Behaviour()
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

    public var behaviour: Behaviour {
        get { shared.state.withLock { $0.behaviour } }
        set { shared.state.withLock { $0.behaviour = newValue } }
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
        try await eventually(within: .seconds(5), "the relay cuts its connections") {
            shared.state.withLock { $0.cutsDone >= number }
        }
    }
}
