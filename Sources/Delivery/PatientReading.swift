import Events
import Journal
import Timing

/// Reads the journal for a sink. One that cannot be read at present is tried again for ever: the cursor says where to go
/// on.
struct PatientReading: Sendable {
    let source: any EventSource
    let progress: DeliveryProgress
    let clock: DeliveryClock

    /// 256 KiB of the events' own bytes at a time.
    private static let budget = 256 * 1024

    /// What comes next; nil at the end.
    ///
    /// - Throws: `journal` when it is damaged, `stopped` when the task is cancelled.
    func next() async throws(SinkError) -> [EventBatch]? {
        var backoff = Backoff.doubling(from: .milliseconds(250), to: .seconds(5), jitter: 0...0.2)
        while true {
            do throws(JournalError) {
                let batches = try await source.next(budget: Self.budget)
                if backoff.failures > 0 { progress.resumed() }
                return batches
            } catch {
                if error.code == .finished { return nil }
                let fault = SinkError(code: .journal, message: error.message, cure: error.cure)
                // No reading again makes it whole.
                if error.code == .damaged { throw fault }
                progress.blocked(by: fault)
                try await progress.pause(backoff.next(random: clock.random()))
            }
        }
    }
}
