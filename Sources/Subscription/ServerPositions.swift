import Events
import Journal
import PullProtocol

/// What a first connection to a push server asks for, where nothing is known of it.
public enum StartPolicy: Sendable, Hashable {
    /// What is sent from now on.
    case now
    /// What the server still holds.
    case retained
}

/// The positions of one portal, one for each push server that it has had: ids of one server mean nothing to another.
struct ServerPositions {
    /// What noting ids has shown.
    enum Finding: Equatable {
        case usual
        /// The server has a new store. `after`: the newest id of the old one.
        case newStore(after: MessageID)
    }

    private struct Server {
        var trail: PositionTrail
        var tracker: PositionTracker
        /// Of servers that give no message ids.
        var legacy: Position?
        /// As it stands in the last entry for the journal.
        var stored: StoredPosition?
    }

    /// More servers than any portal has: the ones over are forgotten.
    private static let maximum = 64

    /// How far before an audit positions count as complete.
    let lag: Duration
    /// A server without a position is asked for everything: the operator wants it, or the portal was live in an earlier run.
    var startsRetained: Bool
    /// The one followed last: the configuration's.
    private(set) var current = ""
    private var servers: [String: Server] = [:]
    private var isHeld = false

    init(lag: Duration, start: StartPolicy) {
        self.lag = lag
        startsRetained = start == .retained
    }

    /// What an earlier run has stored. The servers whose position is unusable, and counts as none.
    mutating func restore(_ positions: [StoredPosition], at now: Duration) -> [String] {
        var unusable: [String] = []
        for position in positions.prefix(Self.maximum) {
            var server = Server(
                trail: PositionTrail(lag: lag, newest: position.newest, safe: position.safe, at: now),
                tracker: PositionTracker(newest: position.newest, version: 4), stored: position)
            let (legacy, isUsable) = Position.stored(position.legacy ?? "")
            if case .legacy = legacy { server.legacy = legacy }
            if !isUsable { unusable.append(position.server) }
            if isHeld { server.trail.hold() }
            servers[position.server] = server
        }
        return unusable
    }

    /// The newest id of a server.
    func newest(of server: String) -> MessageID? { servers[server]?.tracker.newest }

    /// Nothing at or below it is missing of what the current server had.
    var safe: MessageID? { servers[current]?.trail.safe }

    func legacy(of server: String) -> Position? { servers[server]?.legacy }

    /// A connection to `server` is about to be made.
    mutating func follow(_ server: String, version: Int) {
        current = server
        change(server) { $0.tracker.version = version }
    }

    mutating func hold() {
        isHeld = true
        for name in servers.keys { servers[name]?.trail.hold() }
    }

    mutating func release(at now: Duration) {
        isHeld = false
        for name in servers.keys { servers[name]?.trail.release(at: now) }
    }

    /// An audit of the current server that began at `asOf` has found everything.
    mutating func confirm(asOf: Duration, at now: Duration) {
        servers[current]?.trail.confirm(asOf: asOf, at: now)
    }

    // MARK: Asking

    /// Where a new connection to `server` resumes. A server never seen before is asked for everything if the portal has
    /// had another one: its channels' messages may have gone there meanwhile. So is, without a position, one that was live:
    /// what came between two connections would be lost.
    mutating func resume(of server: String, wasLive: Bool) -> Position {
        if wasLive { startsRetained = true }
        return known(server) ?? .none
    }

    /// Where an audit of `server` asks from; nil if there is nothing to audit, as nothing has ever been asked for.
    mutating func audit(of server: String) -> Position? {
        known(server)
    }

    private mutating func known(_ name: String) -> Position? {
        if let server = servers[name] {
            if server.trail.newest == nil, let legacy = server.legacy { return legacy }
            if let safe = server.trail.safe { return .message(safe) }
        }
        let hasOthers = servers.contains { $0.key != name && ($0.value.trail.newest != nil || $0.value.legacy != nil) }
        guard startsRetained || hasOthers else { return nil }
        change(name) { $0.trail.beginAtZero() }
        return .retained
    }

    // MARK: Noting

    /// Whether a message that was not known comes below what counts as complete: the server's counter went back, or it was
    /// delayed by more than the lag. In texts that senders can forge, only an id of the same store shows that. Below a
    /// position that is only where all began it is no wonder: that begins lower then.
    mutating func isBehind(_ id: MessageID, of name: String, isText: Bool) -> Bool {
        guard let server = servers[name], let safe = server.trail.safe, id <= safe,
            Self.canGoBack(to: id, server, isText: isText)
        else {
            return false
        }
        if !server.trail.isConfirmed { servers[name]?.trail.begin(below: id) }
        return server.trail.isConfirmed
    }

    /// The server has given out `id` anew: the position goes back below it.
    mutating func goBack(below id: MessageID, of server: String, isText: Bool) {
        change(server) { server in
            guard Self.canGoBack(to: id, server, isText: isText) else { return }
            server.trail.goBack(below: id)
            server.tracker = PositionTracker(newest: server.trail.newest, version: server.tracker.version)
        }
    }

    /// Notes the highest id of a received unit.
    mutating func note(_ id: MessageID, of server: String, at now: Duration, isText: Bool) -> Finding {
        var finding = Finding.usual
        change(server) { server in
            let before = server.tracker.newest
            switch server.tracker.note(id, isText: isText) {
            case .moved: server.trail.note(id, at: now)
            case .movedToNewGeneration:
                server.trail.note(id, at: now)
                if let before, before != .zero { finding = .newStore(after: before) }
            case .kept: if let newest = server.tracker.newest { server.trail.note(newest, at: now) }
            case .refused: break
            }
        }
        return finding
    }

    mutating func note(legacy position: Position, of server: String) {
        change(server) { $0.legacy = position }
    }

    /// What has to be stored for `server`: nil if that is what is stored. Counts as stored from now on.
    mutating func changed(_ name: String) -> StoredPosition? {
        guard let server = servers[name] else { return nil }
        var position = StoredPosition(server: name)
        position.newest = server.trail.newest
        position.safe = server.trail.newest.flatMap { newest in server.trail.safe.map { min($0, newest) } }
        position.legacy = server.legacy?.stored
        guard position.newest != nil || position.legacy != nil, position != server.stored else { return nil }
        servers[name]?.stored = position
        return position
    }

    private static func canGoBack(to id: MessageID, _ server: Server, isText: Bool) -> Bool {
        guard let newest = server.tracker.newest else { return false }
        return !server.tracker.isForgeable(isText: isText) || id.generation == newest.generation
    }

    private mutating func change(_ name: String, _ edit: (inout Server) -> Void) {
        if servers[name] == nil {
            if servers.count >= Self.maximum, let other = servers.keys.first(where: { $0 != current }) {
                servers[other] = nil
            }
            var server = Server(
                trail: PositionTrail(lag: lag), tracker: PositionTracker(newest: nil, version: 4))
            if isHeld { server.trail.hold() }
            servers[name] = server
        }
        if var server = servers[name] {
            edit(&server)
            servers[name] = server
        }
    }
}
