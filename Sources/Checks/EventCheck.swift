import JSONText
import Portal
import Synchronization
import Timing

/// Where a test event is published.
enum TestEvent: Sendable {
    /// Into the private channels of `users`; none: into the shared channel.
    case through(PortalClient, users: [String])
    /// Nowhere, and why.
    case none(String)
}

/// What became of it.
enum EventResult: Hashable, Sendable {
    /// By those ways, the first of them so long after it was published.
    case arrived(Set<PushWay>, took: Duration, isSecond: Bool)
    case lost(after: Duration)
    case refused(message: String, cure: String, needsPerson: Bool)
    case notSent(String)
}

/// By which ways a test event has come.
final class EventArrivals: Sendable {
    private let ways = Mutex<[PushWay: Duration]>([:])

    func note(_ way: PushWay) {
        let now = TimeSource.system.now().monotonic
        ways.withLock { $0[way] = $0[way] ?? now }
    }

    var all: Set<PushWay> { ways.withLock { Set($0.keys) } }
    /// On the monotonic clock.
    var firstAt: Duration? { ways.withLock { $0.values.min() } }
}

/// Publishes an event through the portal and waits for it at the push server.
struct EventCheck: Sendable {
    static let command = "pulld.check"

    let nonce: Nonce
    let publisher: TestEvent
    let limits: CheckLimits

    /// - Parameters:
    ///   - open: the ways that it can come by.
    ///   - arrivals: told of each way that it has come by.
    func run(_ open: Set<PushWay>, _ arrivals: EventArrivals) async -> EventResult {
        guard !open.isEmpty else {
            return .notSent("needs \(CheckStage.webSocket.title) or \(CheckStage.longPoll.title)")
        }
        let portal: PortalClient
        let users: [String]
        switch publisher {
        case .none(let reason): return .notSent(reason)
        case .through(let client, let names): (portal, users) = (client, names)
        }
        for isSecond in [false, true] {
            let start = TimeSource.system.now().monotonic
            if let refusal = await publish(portal, users) { return refusal }
            let limit = isSecond ? limits.event - limits.repetition : limits.repetition
            guard await wait(limit, until: { arrivals.firstAt != nil }), let first = arrivals.firstAt else { continue }
            _ = await wait(limits.proof) { arrivals.all.isSuperset(of: open) }
            return .arrived(arrivals.all, took: first - start, isSecond: isSecond)
        }
        return .lost(after: limits.event)
    }

    /// True as soon as `isDone`; false after `limit`, or when the task is cancelled.
    private func wait(_ limit: Duration, until isDone: () -> Bool) async -> Bool {
        let end = TimeSource.system.now().monotonic + limit
        while !isDone() {
            guard TimeSource.system.now().monotonic < end, !Task.isCancelled else { return false }
            try? await Task.sleep(for: .milliseconds(5))
        }
        return true
    }

    /// Nil when the portal has taken it.
    private func publish(_ portal: PortalClient, _ users: [String]) async -> EventResult? {
        let result = await within(limits.call) { [nonce] () -> Result<Void, PortalError> in
            do throws(PortalError) {
                let params = JSONValue.object([("nonce", .string(nonce.text))])
                return .success(try await portal.publish(command: Self.command, params: params, users: users))
            } catch {
                return .failure(error)
            }
        }
        switch result {
        case .success: return nil
        case .failure(let error):
            return .refused(message: error.message, cure: error.cure, needsPerson: error.needsPerson)
        case nil:
            return .refused(
                message: "the portal did not take the event in \(TimeSpan.text(limits.call / .seconds(1)))",
                cure: "check what stands before the portal", needsPerson: false)
        }
    }
}
