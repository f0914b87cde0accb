/// Takes events from the journal to one sink, for as long as the journal goes on, and keeps how far the sink is.
public protocol EventRunner: Sendable {
    /// The sink's.
    var name: String { get }
    var counts: SinkCounts { get }
    /// Delivers until the journal is finished and everything in it has had its fate, or the drain limit is over, or a
    /// stop is requested, or the task is cancelled.
    ///
    /// - Throws: a fault that does not pass, such as a closed standard output or a damaged journal.
    func run() async throws(SinkError)
    /// Ends the run soon, without waiting for what is still in the journal: what is under way is ended, progress is kept,
    /// and the sink's next runner goes on from there. Returns at once.
    func requestStop()
    /// Opens the sink's files anew, as on SIGHUP, if it has any. Returns at once.
    func reopen()
}
