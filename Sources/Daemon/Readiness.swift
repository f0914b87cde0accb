import Subscription
import Synchronization

/// Sums up what the portals' sessions say. Ready, once: when every portal has either been proven or stated its failure,
/// and at least one has been proven.
final class Readiness: Sendable {
    private struct State {
        var portals: [String: SessionStatus]
        var journalTrouble: String?
        var hasBeenReady = false
        var lastSentence = ""
    }

    private let state: Mutex<State>
    private let notify: NotifySocket

    private let onReady: @Sendable () -> Void

    /// - Parameter onReady: called once, when the daemon is ready.
    init(portals: [String], notify: NotifySocket, onReady: @escaping @Sendable () -> Void) {
        self.notify = notify
        self.onReady = onReady
        state = Mutex(State(portals: Dictionary(uniqueKeysWithValues: portals.map { ($0, .starting) })))
    }

    /// The service manager has been told `READY=1`.
    var hasBeenReady: Bool { state.withLock { $0.hasBeenReady } }

    /// - Parameter trouble: nil: it is written again.
    func journal(isBlockedBy trouble: String?) {
        change { $0.journalTrouble = trouble }
    }

    func update(_ portal: String, _ status: SessionStatus) {
        change { $0.portals[portal] = status }
    }

    private func change(_ edit: (inout State) -> Void) {
        let becomesReady = state.withLock { state in
            edit(&state)
            let sentence = Self.sentence(state)
            defer { state.lastSentence = sentence }
            let isReady = Self.isReady(state.portals)
            // Sent under the lock, so that the manager gets them in order.
            if isReady && !state.hasBeenReady {
                state.hasBeenReady = true
                notify.ready(status: sentence)
                return true
            }
            if sentence != state.lastSentence { notify.status(sentence) }
            return false
        }
        if becomesReady { onReady() }
    }

    private static func isReady(_ portals: [String: SessionStatus]) -> Bool {
        var isAnyLive = false
        for status in portals.values {
            switch status {
            case .live: isAnyLive = true
            case .starting: return false
            case .waiting, .stopped: break
            }
        }
        return isAnyLive
    }

    private static func sentence(_ state: State) -> String {
        let sentence = sentence(state.portals)
        return state.journalTrouble.map { "\(sentence); the journal cannot be written: \($0)" } ?? sentence
    }

    private static func sentence(_ portals: [String: SessionStatus]) -> String {
        var live = 0
        var trouble: (portal: String, cause: String)?
        for (portal, status) in portals {
            switch status {
            case .live: live += 1
            case .waiting(let cause) where portal < trouble?.portal ?? "\u{10FFFF}": trouble = (portal, cause)
            case .starting, .waiting, .stopped: break
            }
        }
        let summary = "\(live) of \(portals.count) portals live"
        return trouble.map { "\(summary); \($0.portal): \($0.cause)" } ?? summary
    }
}
