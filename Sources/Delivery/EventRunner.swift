/// Takes events from the journal to one sink, for as long as the journal goes on, and keeps how far the sink is.
public protocol EventRunner: Sendable {
    /// The sink's.
    var name: String { get }
    var counts: SinkCounts { get }
    /// Delivers until the journal is finished and everything in it has had its fate, or the drain limit is over, or the
    /// task is cancelled.
    ///
    /// - Throws: a fault that does not pass, such as a closed standard output or a damaged journal.
    func run() async throws(SinkError)
    /// Opens the sink's files anew, as on SIGHUP, if it has any. Returns at once.
    func reopen()
}
