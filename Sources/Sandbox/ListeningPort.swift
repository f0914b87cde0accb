import Synchronization

/// The port that the system gave, for those who wait for it.
final class ListeningPort: Sendable {
    private struct State {
        var result: Result<UInt16, any Error>?
        var waiting: [Int: CheckedContinuation<UInt16, any Error>] = [:]
        var lastWaiter = 0
    }

    private let state = Mutex(State())

    func open(_ port: UInt16) {
        settle(.success(port))
    }

    func fail(_ error: any Error) {
        settle(.failure(error))
    }

    func wait() async throws -> UInt16 {
        let number = state.withLock { state in
            state.lastWaiter += 1
            return state.lastWaiter
        }
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let result = state.withLock { state -> Result<UInt16, any Error>? in
                    if Task.isCancelled { return .failure(CancellationError()) }
                    if state.result == nil { state.waiting[number] = continuation }
                    return state.result
                }
                if let result { continuation.resume(with: result) }
            }
        } onCancel: {
            let continuation = state.withLock { $0.waiting.removeValue(forKey: number) }
            continuation?.resume(throwing: CancellationError())
        }
    }

    private func settle(_ result: Result<UInt16, any Error>) {
        let waiting = state.withLock { state in
            state.result = result
            defer { state.waiting = [:] }
            return state.waiting.values.map { $0 }
        }
        for continuation in waiting { continuation.resume(with: result) }
    }
}
