import Glibc
public import Timing

/// Tells the service manager how things stand (sd_notify(3)): datagrams to the socket that `$NOTIFY_SOCKET` names. Without
/// one, nothing is sent.
public struct NotifySocket: Sendable {
    private let path: String?

    /// - Parameter path: an absolute path, or `@` and a name for a socket in the abstract name space.
    public init(path: String?) {
        self.path = path.flatMap { $0.hasPrefix("/") || $0.hasPrefix("@") ? $0 : nil }
    }

    public func ready(status: String) { send("READY=1\nSTATUS=\(line(status))") }
    public func status(_ status: String) { send("STATUS=\(line(status))") }
    public func stopping() { send("STOPPING=1\nSTATUS=stopping") }
    /// The daemon is alive. Wanted more often than every `WatchdogSec=` of the unit.
    public func watchdog() { send("WATCHDOG=1") }

    /// A reload begins; it ends with `ready`. The time tells managers since version 253 that this is the reload they asked
    /// for, not one before it.
    public func reloading(now: Moment = .now()) {
        send("RELOADING=1\nMONOTONIC_USEC=\(Self.microseconds(now.monotonic))\nSTATUS=reloading")
    }

    /// What is under way, a start or a stop, ends after so long at the earliest: not what `TimeoutStartSec=` or
    /// `TimeoutStopSec=` say, if that is sooner.
    public func extendTimeout(by time: Duration) {
        send("EXTEND_TIMEOUT_USEC=\(Self.microseconds(time))")
    }

    private static func microseconds(_ time: Duration) -> Int64 {
        let (seconds, attoseconds) = time.components
        return max(0, min(seconds, 1 << 40)) * 1_000_000 + max(0, attoseconds / 1_000_000_000_000)
    }

    /// One assignment is one line.
    private func line(_ text: String) -> String {
        String(text.map { $0.isNewline ? " " : $0 })
    }

    /// Failures are of no consequence for the service itself and are not reported: the manager then sees a timeout.
    private func send(_ message: String) {
        guard let path else { return }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let name = Array(path.utf8)
        let length = withUnsafeMutableBytes(of: &address.sun_path) { target -> Int? in
            guard name.count < target.count else { return nil }
            target.copyBytes(from: name)
            if path.hasPrefix("@") { target[0] = 0 }
            return MemoryLayout<sa_family_t>.size + name.count + (path.hasPrefix("@") ? 0 : 1)
        }
        guard let length else { return }
        let descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return }
        defer { close(descriptor) }
        let bytes = Array(message.utf8)
        _ = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
                sendto(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL), generic, socklen_t(length))
            }
        }
    }
}
