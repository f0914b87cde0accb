import Synchronization
import Timing

/// Parts that come and go while the daemon runs, each a task in one group.
final class PartGroup: Sendable {
    struct Part: Sendable {
        var run: @Sendable () async -> Void
        /// Lets `run` return soon; returns at once.
        var requestStop: @Sendable () -> Void
    }

    private final class Running: Sendable {
        let name: String
        let part: Part
        let isAsked = OneShotSignal()
        let isGivenUp = OneShotSignal()
        let hasEnded = OneShotSignal()

        init(_ name: String, _ part: Part) {
            self.name = name
            self.part = part
        }
    }

    private let running = Mutex<[Running]>([])
    private let starts: AsyncStream<Running>
    private let newStarts: AsyncStream<Running>.Continuation
    private let onEnd: @Sendable () -> Void

    /// - Parameter onEnd: called when a part has ended that nobody had asked to.
    init(onEnd: @escaping @Sendable () -> Void) {
        self.onEnd = onEnd
        (starts, newStarts) = AsyncStream.makeStream()
    }

    /// Runs the parts until `finish`, or until the task is cancelled; returns when all have ended.
    func run() async {
        await withDiscardingTaskGroup { group in
            for await part in starts { group.addTask { await self.carry(part) } }
        }
    }

    private func carry(_ part: Running) async {
        await part.isGivenUp.unlessFired { await part.part.run() }
        running.withLock { $0.removeAll { $0 === part } }
        part.hasEnded.fire()
        if !part.isAsked.isFired { onEnd() }
    }

    func start(_ name: String, _ part: Part) {
        let part = Running(name, part)
        running.withLock { $0.append(part) }
        newStarts.yield(part)
    }

    /// Asks these parts to stop. Returns when they have ended, or the task is cancelled.
    ///
    /// - Parameter limit: after which they are cancelled.
    func stop(_ names: Set<String>, within limit: Duration) async {
        let parts = running.withLock { $0.filter { names.contains($0.name) } }
        for part in parts {
            part.isAsked.fire()
            part.part.requestStop()
        }
        await wait(for: parts, within: limit)
    }

    /// Asks all parts to stop and starts none any more. Returns as `stop` does.
    func stopAll(within limit: Duration) async {
        newStarts.finish()
        await stop(Set(running.withLock { $0.map(\.name) }), within: limit)
    }

    /// Waits until all have ended by themselves, and starts none any more. Returns as `stop` does.
    func finish(within limit: Duration) async {
        newStarts.finish()
        await wait(for: running.withLock { $0 }, within: limit)
    }

    private func wait(for parts: [Running], within limit: Duration) async {
        let isInTime = await withTaskGroup(of: Bool.self) { group in
            group.addTask {
                for part in parts { await part.hasEnded.wait() }
                return true
            }
            group.addTask {
                try? await Task.sleep(for: limit)
                return false
            }
            defer { group.cancelAll() }
            return await group.next() ?? true
        }
        if isInTime || Task.isCancelled { return }
        for part in parts { part.isGivenUp.fire() }
        for part in parts { await part.hasEnded.wait() }
    }
}
