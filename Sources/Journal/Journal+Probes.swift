import Dispatch

/// Whether the writer works at all.
extension Journal {
    /// Calls `answered` once, on the writer's thread, when that has nothing to do or ends a transaction next. A writer that
    /// waits to try again, for a disk that is full, answers; one that the disk keeps waiting does not.
    public func probeWriter(_ answered: @escaping @Sendable () -> Void) {
        writerProbes.withLock { $0.append(answered) }
        writing.async { self.answerProbes() }
    }

    /// Runs on the queue `writing`.
    func answerProbes() {
        let probes = writerProbes.withLock { probes in
            defer { probes = [] }
            return probes
        }
        for answered in probes { answered() }
    }
}
