import Daemon
import Dispatch
import Glibc
import Journal
import Synchronization
import Timing

/// The state directory and the journal in it, beside a daemon that may be using them.
struct StateStage {
    /// For the look through all of a journal.
    static let limit = Duration.seconds(30)
    /// Below it, a daemon will soon have to wait for room.
    static let smallRoom: UInt64 = 16 << 20

    let directory: String?
    /// Bytes that the journal may grow to.
    let journalSize: UInt64
    /// Whether all of a journal is read.
    let isThorough: Bool

    func finding() async -> Finding {
        let watch = Stopwatch()
        var finding = await look()
        finding.duration = watch.elapsed
        return finding
    }

    private func look() async -> Finding {
        guard let directory else {
            return .failed(
                .state, .configuration, "there is no state directory",
                cure: "write state: /PATH into the file, or set HOME")
        }
        let inspection: StateInspection
        do throws(JournalError) {
            inspection = try StateInspection.of(directory: directory)
            if isThorough, inspection.schema != nil, let error = await lookThrough(directory) { throw error }
        } catch {
            return Self.failed(StartFailure(error), error.message, cure: error.cure)
        }
        return Self.finding(inspection, directory: directory, journalSize: journalSize)
    }

    /// What a directory that can be used comes to.
    static func finding(_ inspection: StateInspection, directory: String, journalSize: UInt64) -> Finding {
        var parts = [inspection.exists ? directory : "\(directory) will be made"]
        if let schema = inspection.schema {
            let upgrade = inspection.isOlder ? ", brought up to date at the start" : ""
            parts.append("journal of \(ByteCount.text(inspection.size)), schema \(schema)\(upgrade)")
        } else if inspection.exists {
            parts.append("no journal yet")
        }
        if let user = inspection.user { parts.append("in use by a daemon (process \(user))") }
        parts.append("\(ByteCount.text(inspection.freeBytes)) free")
        let detail = parts.joined(separator: ", ")
        if inspection.freeBytes < smallRoom {
            return .failed(.state, .temporary, detail, cure: "make room on its file system")
        }
        if inspection.exists, inspection.mode & 0o077 != 0 {
            let mode = String(inspection.mode, radix: 8)
            return .warning(
                .state, "\(detail), open to others (mode \(mode))", cure: "chmod 700 \(directory)")
        }
        let growth = journalSize - min(journalSize, inspection.size)
        if inspection.freeBytes < growth {
            return .warning(
                .state, "\(detail), and the journal may grow by \(ByteCount.text(growth))",
                cure: "make room on its file system, or set a smaller journal.size")
        }
        return .ok(.state, detail)
    }

    private static func failed(_ failure: StartFailure, _ detail: String, cure: String) -> Finding {
        .failed(.state, CheckFailure(rawValue: failure.code.rawValue) ?? .internalFault, detail, cure: cure)
    }

    /// Nil too when it takes longer than there is time for, and when the task is cancelled.
    private func lookThrough(_ directory: String) async -> JournalError? {
        let look = Look()
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                guard look.begin(continuation) else { return continuation.resume(returning: nil) }
                // SQLite blocks its thread.
                DispatchQueue.global().async {
                    do throws(JournalError) {
                        try Journal.check(directory: directory)
                        look.end(nil)
                    } catch {
                        look.end(error)
                    }
                }
                DispatchQueue.global().asyncAfter(deadline: .now() + Self.limit.inSeconds) { look.end(nil) }
            }
        } onCancel: {
            look.end(nil)
        }
    }

    /// Somebody waits for it, and the first end counts.
    private final class Look: Sendable {
        private let state = Mutex<(waiter: CheckedContinuation<JournalError?, Never>?, isOver: Bool)>((nil, false))

        /// False when it has ended before.
        func begin(_ waiter: CheckedContinuation<JournalError?, Never>) -> Bool {
            state.withLock { state in
                if !state.isOver { state.waiter = waiter }
                return !state.isOver
            }
        }

        func end(_ error: JournalError?) {
            let waiter = state.withLock { state in
                state.isOver = true
                return state.waiter.take()
            }
            waiter?.resume(returning: error)
        }
    }
}
