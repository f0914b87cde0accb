import Delivery
import Events
import Journal

/// Shows the journal's events: those that are there, then those that come.
public struct Tail: Sendable {
    public enum Form: Sendable {
        /// The lines of a file sink.
        case lines
        case people(TailView)
    }

    /// How long a new event may take until it is seen.
    private static let poll = Duration.milliseconds(100)
    /// How long it may take until it is noticed that nobody reads any more.
    private static let readerCheck = Duration.milliseconds(500)

    private let source: any HistorySource
    private let selection: EventSelection
    /// At most so many of the last ones; nil: all.
    private let count: Int?
    private let follows: Bool
    private var form: Form
    private let output: TextOutput
    private let note: @Sendable (String) -> Void

    /// - Parameters:
    ///   - count: at most so many of the last events that are there; nil: all of them.
    ///   - follows: goes on with what comes, until cancelled.
    ///   - note: told what somebody who watches should know, beside the events.
    public init(
        _ selection: EventSelection, of source: any HistorySource, count: Int?, follows: Bool, form: Form,
        output: TextOutput = .standard, note: @escaping @Sendable (String) -> Void
    ) {
        self.selection = selection
        self.source = source
        self.count = count
        self.follows = follows
        self.form = form
        self.output = output
        self.note = note
    }

    /// Returns when everything is shown, when nobody reads any more, or when the task is cancelled.
    public mutating func run() async throws(HistoryFailure) {
        do throws(HistoryFailure) {
            // What comes while the first are being shown follows them.
            let last = try lastSequence()
            if let numbers = try source.numbers(of: selection), numbers.lowerBound <= last {
                var start = numbers.lowerBound
                let present = start...min(numbers.upperBound, last)
                if let count { start = try source.start(ofLast: count, in: present, of: selection) }
                if start <= present.upperBound { try show(start...present.upperBound) }
            }
            if follows { try await follow(after: last) }
        } catch .output(.closed) {
            return
        }
    }

    private mutating func follow(after number: UInt64) async throws(HistoryFailure) {
        // The last one that was there, shown or not.
        var known = number
        var first: UInt64 = 1
        if case .sequence(let number) = selection.since { first = number }
        var replacements = source.replacements
        while !Task.isCancelled {
            let last = try lastSequence()
            if source.replacements != replacements {
                replacements = source.replacements
                note("the journal was begun anew: what is in it is shown from the first event on")
                (known, first) = (0, 1)
            }
            let next = max(known + 1, first)
            if last >= next { try show(next...last) }
            if last > known {
                known = last
                continue
            }
            try await waitForMore(after: known)
            if output.isClosed { throw .output(.closed) }
        }
    }

    private func lastSequence() throws(HistoryFailure) -> UInt64 {
        do { return try source.lastSequence } catch { throw .journal(error) }
    }

    /// Also returns, now and then, without anything new.
    private func waitForMore(after number: UInt64) async throws(HistoryFailure) {
        let result = await withTaskGroup(of: Result<Void, JournalError>.self) { group in
            group.addTask { [source] in
                do throws(JournalError) {
                    return .success(try await source.waitForMore(after: number, poll: Self.poll))
                } catch {
                    return .failure(error)
                }
            }
            group.addTask {
                try? await Task.sleep(for: Self.readerCheck)
                return .success(())
            }
            defer { group.cancelAll() }
            return await group.next() ?? .success(())
        }
        do { try result.get() } catch { throw .journal(error) }
    }

    private mutating func show(_ numbers: ClosedRange<UInt64>) throws(HistoryFailure) {
        var buffer = OutputBuffer()
        var form = form
        defer { self.form = form }
        try source.visit(numbers, of: selection) { (batch, indices) throws(HistoryFailure) in
            do throws(OutputFailure) {
                switch form {
                case .lines:
                    let line = EventLine(batch)
                    for index in indices { line.append(index..<index + 1, to: &buffer) }
                    try buffer.withUnsafeBytes { (bytes) throws(OutputFailure) in try output.write(bytes) }
                    buffer.removeAll()
                case .people(var view):
                    var text = ""
                    for index in indices { text += view.text(for: index, of: batch) }
                    form = .people(view)
                    try output.write(text)
                }
            } catch {
                throw .output(error)
            }
        }
    }
}
