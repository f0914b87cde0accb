import Synchronization
import WebSocket

/// What has arrived on one WebSocket and waits to be received: written by the loop, emptied by whoever receives.
final class WebSocketInbox: Sendable {
    /// Memory of what waits before the socket is left alone, in bytes.
    static let window = 4 * 1024 * 1024

    private struct State: ~Copyable {
        var batches: [MessageBatch] = []
        var size = 0
        var isFull = false
        var ending: WebSocketEnding?
        var waiter: CheckedContinuation<[MessageBatch]?, Never>?
        var activity = WebSocketActivity(
            lastBytesAt: 0, pingsReceived: 0, pongsReceived: 0, isWithinMessage: false)
    }

    private let state = Mutex(State())

    // MARK: The receiver's side

    /// What to resume `continuation` with at once, and whether the loop may read again; nil: it will be resumed.
    func take(
        orWait continuation: CheckedContinuation<[MessageBatch]?, Never>
    ) -> (batches: [MessageBatch]?, hasRoomAgain: Bool)? {
        state.withLock { state in
            guard state.batches.isEmpty else {
                let taken = (state.batches, state.isFull && state.ending == nil)
                (state.batches, state.size, state.isFull) = ([], 0, false)
                return taken
            }
            if state.ending != nil || Task.isCancelled { return (nil, false) }
            state.waiter = continuation
            return nil
        }
    }

    /// The receiver's task is cancelled.
    func stopWaiting() {
        let waiter = state.withLock { $0.waiter.take() }
        waiter?.resume(returning: nil)
    }

    var ending: WebSocketEnding? { state.withLock { $0.ending } }

    var activity: WebSocketActivity {
        state.withLock { state in
            var activity = state.activity
            activity.isPaused = state.isFull
            return activity
        }
    }

    // MARK: The loop's side

    /// True when the window is full and reading has to pause.
    func deliver(_ batch: MessageBatch) -> Bool {
        let (waiter, isFull) = state.withLock { state -> (CheckedContinuation<[MessageBatch]?, Never>?, Bool) in
            if let waiter = state.waiter.take() { return (waiter, false) }
            state.batches.append(batch)
            // Empty messages have no bytes, but their places cost memory all the same.
            state.size += batch.bytes.count + batch.messages.count * MemoryLayout<MessageBatch.Message>.stride
            if state.size >= Self.window { state.isFull = true }
            return (nil, state.isFull)
        }
        waiter?.resume(returning: [batch])
        return isFull
    }

    func note(_ activity: WebSocketActivity) {
        state.withLock { $0.activity = activity }
    }

    /// Only the first ending counts.
    func end(_ ending: WebSocketEnding) {
        let waiter = state.withLock { state in
            if state.ending == nil { state.ending = ending }
            return state.waiter.take()
        }
        waiter?.resume(returning: nil)
    }
}
