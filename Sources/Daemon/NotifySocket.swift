import Glibc

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
