import Events
import PullProtocol
import Synchronization
import Timing
import Transport

/// Where a session writes down how it is, for those who look on without waiting for it.
final class SessionBoard: Sendable {
    private struct State {
        var figures = SessionFigures()
        /// On the monotonic clock.
        var liveSince: Duration?
        var lastContact: Duration?
        var connections: [LinkID: WebSocketConnection] = [:]
        var hasBeenLive = false
        var firstHeartbeat: Duration?
        var heartbeatReturn: Duration?
    }

    private let state = Mutex(State())

    init(heartbeat interval: Duration?) {
        state.withLock { $0.figures.heartbeat = interval.map(HeartbeatFigures.init) }
    }

    /// Intervals are kept by the monotonic clock: a wall clock that is set does not change them.
    func figures(at now: Moment) -> SessionFigures {
        func wall(_ moment: Duration) -> Double { now.wall - (now.monotonic - moment).inSeconds }
        return state.withLock { state in
            var figures = state.figures
            figures.liveSince = state.liveSince.map(wall)
            let heard = state.connections.values.map { Duration.nanoseconds($0.activity.lastBytesAt) }
            if let last = ([state.lastContact].compactMap(\.self) + heard).max() { figures.lastContact = wall(last) }
            figures.heartbeat?.firstSent = state.firstHeartbeat.map(wall)
            figures.heartbeat?.lastReturn = state.heartbeatReturn.map(wall)
            return figures
        }
    }

    // MARK: what the machine says

    func note(_ status: SessionStatus, at now: Duration) {
        state.withLock { state in
            state.figures.status = status
            guard case .live = status else {
                state.liveSince = nil
                return
            }
            if state.liveSince == nil {
                state.liveSince = now
                if state.hasBeenLive { state.figures.reconnects += 1 }
                state.hasBeenLive = true
            }
        }
    }

    func note(_ note: SessionNote) {
        state.withLock { state in
            switch note {
            case .askingForConfiguration: state.figures.configurationRequests += 1
            case .noConfiguration: state.figures.configurationFailures += 1
            case .configured(let configuration, _):
                state.figures.channels = configuration.channels.map {
                    SessionFigures.ChannelEnd(channel: $0.kind, end: Double($0.end))
                }
            case .lost: state.figures.connectionFailures += 1
            default: break
            }
        }
    }

    func auditBegins() { state.withLock { $0.figures.audits += 1 } }

    func auditBrought(_ count: Int) { state.withLock { $0.figures.auditRecovered += UInt64(max(0, count)) } }

    // MARK: contact

    /// Unix seconds, of an earlier run.
    func restored(contact: Double?) { state.withLock { $0.figures.lastContact = contact } }

    func heard(at now: Duration) { state.withLock { $0.lastContact = max($0.lastContact ?? now, now) } }

    func opened(_ id: LinkID, _ connection: WebSocketConnection) {
        state.withLock { $0.connections[id] = connection }
    }

    func ended(_ id: LinkID) {
        // Let go outside the lock: a connection that nobody holds any more closes itself.
        let connection = state.withLock { state in
            let connection = state.connections.removeValue(forKey: id)
            if let connection {
                let heard = Duration.nanoseconds(connection.activity.lastBytesAt)
                state.lastContact = max(state.lastContact ?? heard, heard)
            }
            return connection
        }
        _ = connection
    }

    // MARK: heartbeats

    func heartbeat(_ note: Heartbeat.Note, at now: Duration) {
        state.withLock { state in
            switch note {
            case .sent:
                state.figures.heartbeat?.sent += 1
                state.firstHeartbeat = state.firstHeartbeat ?? now
            case .lost: state.figures.heartbeat?.lost += 1
            case .returned(let roundTrip):
                state.figures.heartbeat?.returned += 1
                state.figures.heartbeat?.roundTrip = roundTrip
                state.heartbeatReturn = now
            }
        }
    }

    /// None can be sent any more: how long ago one came back says nothing from now on.
    func heartbeatsEnd() {
        state.withLock { state in
            state.firstHeartbeat = nil
            state.heartbeatReturn = nil
        }
    }
}
