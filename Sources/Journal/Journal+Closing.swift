import Dispatch
import Timing

extension Journal {
    /// Ends the journal, once readers have had what they want: what is held is committed, cursors too, the write-ahead log
    /// copied, the lock released. Finishes it if nobody did. With a disk that fails it gives up after `closePatience`.
    public func close() async {
        finish()
        var failing = Duration.zero
        while !(state.withLock { $0.isIdle }), failing < options.closePatience {
            await Self.pause(.milliseconds(5))
            if state.withLock({ $0.counts.trouble != nil }) { failing += .milliseconds(5) }
        }
        await withCheckedContinuation { continuation in
            // Behind everything that was scheduled there.
            writing.async { [self] in
                // The lock is released once: from then on the file may be another process's.
                let wasClosed = upkeep.withLock { upkeep in
                    defer { upkeep.isClosed = true }
                    return upkeep.isClosed
                }
                if wasClosed { return continuation.resume() }
                state.withLock { $0.fail(.finished) }.resume()
                lookup.withLock { $0 = nil }
                archive.withLock { $0 = nil }
                keeping.sync {
                    keeper.withLock { $0 = nil }
                }
                writer.withLock { writer in
                    _ = try? writer.checkpoint(.truncate)
                    writer.close()
                }
                if isTemporary { directory.removeAll() }
                directory.release()
                continuation.resume()
            }
        }
    }

    /// Also in a task that was cancelled, as the last ones of a process often are.
    private static func pause(_ duration: Duration) async {
        await withCheckedContinuation { continuation in
            DispatchQueue.global().asyncAfter(deadline: .now() + duration.inSeconds) { continuation.resume() }
        }
    }
}
