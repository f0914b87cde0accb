import Foundation
import Synchronization

/// How long the tests are: short by default, the full figures with `PULLD_ACCEPTANCE=1`.
public enum Extent {
    public static let isFull = ProcessInfo.processInfo.environment["PULLD_ACCEPTANCE"] == "1"

    public static func of<Value>(short: Value, full: Value) -> Value { isFull ? full : short }
}

/// A line for whoever wants to know how well it went, not only that it did.
public func figure(_ text: String) {
    print("figure: \(text)")
}

extension Duration {
    public var inSeconds: Double { self / .seconds(1) }
    /// With two digits.
    public var text: String { String(format: "%.2f s", inSeconds) }
}

/// Work that several tests look at, done once, when the first of them asks. Its parts run at the same time, since they
/// spend it waiting.
public final class Together<Part: Hashable & Sendable, Outcome: Sendable>: Sendable {
    private let tasks: [Part: Task<Outcome, any Error>]

    /// - Parameter doors: lets only some of them in at the same time, in the order of the parts; nil: all.
    public init(
        _ parts: [Part], through doors: StageDoor? = nil, _ work: @escaping @Sendable (Part) async throws -> Outcome
    ) {
        var tasks: [Part: Task<Outcome, any Error>] = [:]
        for part in parts {
            let ticket = doors?.ticket()
            tasks[part] = Task {
                guard let doors, let ticket else { return try await work(part) }
                await doors.enter(ticket)
                defer { doors.leave() }
                return try await work(part)
            }
        }
        self.tasks = tasks
    }

    public func outcome(of part: Part) async throws -> Outcome {
        guard let task = tasks[part] else { throw NotInTime(description: "a part that was not run") }
        return try await task.value
    }
}

/// Lets a number of pieces of work run at the same time, the others in the order of their tickets.
public final class StageDoor: Sendable {
    private struct State {
        var lastTicket = 0
        var admitted = 0
        var inside = 0
        var waiting: [Int: CheckedContinuation<Void, Never>] = [:]
    }

    private let capacity: Int
    private let state = Mutex(State())

    public init(capacity: Int) {
        self.capacity = capacity
    }

    func ticket() -> Int {
        state.withLock { state in
            state.lastTicket += 1
            return state.lastTicket
        }
    }

    func enter(_ ticket: Int) async {
        await withCheckedContinuation { continuation in
            state.withLock { $0.waiting[ticket] = continuation }
            admit()
        }
    }

    func leave() {
        state.withLock { $0.inside -= 1 }
        admit()
    }

    /// Whoever is next and there goes in.
    private func admit() {
        let next = state.withLock { state in
            var next: [CheckedContinuation<Void, Never>] = []
            while state.inside < capacity, let continuation = state.waiting.removeValue(forKey: state.admitted + 1) {
                state.admitted += 1
                state.inside += 1
                next.append(continuation)
            }
            return next
        }
        for continuation in next { continuation.resume() }
    }
}
