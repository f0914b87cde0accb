extension JournalView {
    /// Returns when there are events behind `sequence`, when another journal has taken this one's place (`replacements`
    /// tells), or when the task is cancelled. Looks at the file as often as `poll` says; that costs some microseconds while
    /// nothing changes. A journal that is missing for a while is waited for.
    ///
    /// - Throws: the journal cannot be read, or is damaged.
    public func waitForMore(after sequence: UInt64, poll: Duration) async throws(JournalError) {
        let replacements = replacements
        var version: Int64?
        while !Task.isCancelled {
            let known = version
            let (found, last) = try read { (reading) throws(SQLiteFailure) in
                // What is committed after this is seen the next time.
                let found = try reading.dead().version()
                return (found, found == known ? nil : try reading.state().lastSequence)
            }
            if self.replacements != replacements { return }
            if let last, last > sequence { return }
            version = found
            do { try await Task.sleep(for: poll) } catch { return }
        }
    }
}
