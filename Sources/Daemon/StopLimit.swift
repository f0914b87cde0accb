import Glibc
import Logging
import Timing

/// Sees to it that a stop ends.
struct StopLimit: Sendable {
    /// Portals 10 s, their tokens 5 s, then sinks 15 s, and the journal's disk 5 s: more is a disk or a system call that
    /// hangs. Within the `TimeoutStopSec=` of the unit.
    static let limit = Duration.seconds(40)
    /// After so long the service manager is told how long it may still take, in case its own limit is shorter.
    static let patience = Duration.seconds(5)

    let orders: Orders
    let notify: NotifySocket
    let logger: Logger

    /// Returns when the task is cancelled, or not at all.
    func watch() async {
        await orders.stop.wait()
        do {
            try await Task.sleep(for: Self.patience)
            notify.extendTimeout(by: Self.limit - Self.patience)
            try await Task.sleep(for: Self.limit - Self.patience)
        } catch {
            return
        }
        logger.critical(
            "stopping hangs: ended where it stands, the next start goes on from there",
            metadata: ["seconds": "\(Self.limit.components.seconds)", "cure": "look at the disks that pulld writes to"])
        _exit(StartFailure.Code.temporary.rawValue)
    }
}
