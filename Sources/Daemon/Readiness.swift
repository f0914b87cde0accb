import Subscription
import Synchronization

/// Sums up what the portals' sessions say, and how the last reload went. Ready, once: when every portal has either been proven or stated its failure,
/// and at least one has been proven.
final class Readiness: Sendable {
    private struct State {
        var portals: [String: SessionStatus]
        var journalTrouble: String?
        var reloadTrouble: String?
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

    /// Whether the daemon does its work at present, and how it stands, in words.
    var snapshot: (isReady: Bool, sentence: String) {
        state.withLock { (Self.isReady($0.portals) && $0.journalTrouble == nil, Self.sentence($0)) }
    }

    /// The service manager has been told `READY=1`.
    var hasBeenReady: Bool { state.withLock { $0.hasBeenReady } }

    /// - Parameter trouble: nil: it is written again.
    func journal(isBlockedBy trouble: String?) {
        change { $0.journalTrouble = trouble }
    }

    /// A portal that is not known is one that has been removed.
    func update(_ portal: String, _ status: SessionStatus) {
        change { state in
            if state.portals[portal] != nil { state.portals[portal] = status }
        }
    }

    /// The portals are these, and some of them begin anew.
    func set(_ portals: [String], beginning: Set<String>) {
        change { state in
            let before = state.portals
            let now = portals.map { ($0, beginning.contains($0) ? .starting : before[$0] ?? .starting) }
            state.portals = Dictionary(now, uniquingKeysWith: { first, _ in first })
        }
    }

    /// The settings are read again. Before the daemon was ready nobody waits for the end of a reload.
    func reloadBegins() {
        state.withLock { if $0.hasBeenReady { notify.reloading() } }
    }

    /// - Parameter trouble: why the settings are still the old ones; nil: they are the new ones. Stands in the status line
    ///   until the next reload.
    func reloadEnds(trouble: String?) {
        change { state in
            state.reloadTrouble = trouble
            // The manager gets the new sentence with its READY=1, which ends what RELOADING=1 began.
            guard state.hasBeenReady else { return }
            state.lastSentence = Self.sentence(state)
            notify.ready(status: state.lastSentence)
        }
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
        var sentence = sentence(state.portals)
        if let trouble = state.journalTrouble { sentence += "; the journal cannot be written: \(trouble)" }
        if let trouble = state.reloadTrouble { sentence += "; \(trouble)" }
        return sentence
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
