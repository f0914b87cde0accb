import Glibc

/// Why nothing can be written any more.
public enum OutputFailure: Error, Hashable, Sendable {
    /// Its reader has gone, as `head` does when it has seen enough: nothing to complain of.
    case closed
    case system(Int32)
}

/// Standard output or error, for a program that ends soon: a slow reader is waited for.
public struct TextOutput: Sendable {
    private let descriptor: Int32

    public init(descriptor: Int32) {
        self.descriptor = descriptor
    }

    public static let standard = TextOutput(descriptor: 1)
    public static let error = TextOutput(descriptor: 2)

    public var isTerminal: Bool { isatty(descriptor) == 1 }

    /// A terminal on which what was written can be written over.
    public var isScreen: Bool {
        let kind = Self.variable("TERM")
        return isTerminal && kind != "dumb" && !kind.isEmpty
    }

    /// A screen, and nobody has asked for plain text (no-color.org).
    public var takesColours: Bool { isScreen && Self.variable("NO_COLOR").isEmpty }

    private static func variable(_ name: String) -> String {
        getenv(name).map { String(cString: $0) } ?? ""
    }

    /// Characters in a line of the terminal; nil when it is none, or does not say.
    public var columns: Int? {
        var size = winsize()
        guard ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return nil }
        return Int(size.ws_col)
    }

    /// A reader that goes away is told by `write` from then on, and does not end the process.
    public static func surviveClosedPipes() {
        signal(SIGPIPE, SIG_IGN)
    }

    /// Its reader has gone. Asked while there is nothing to write.
    public var isClosed: Bool {
        var entry = pollfd(fd: descriptor, events: 0, revents: 0)
        return poll(&entry, 1, 0) > 0 && entry.revents & Int16(POLLERR | POLLHUP | POLLNVAL) != 0
    }

    public func write(_ text: String) throws(OutputFailure) {
        try write(Array(text.utf8))
    }

    public func write(_ bytes: [UInt8]) throws(OutputFailure) {
        if let failure = bytes.withUnsafeBytes(failure) { throw failure }
    }

    public func write(_ bytes: UnsafeRawBufferPointer) throws(OutputFailure) {
        if let failure = failure(bytes) { throw failure }
    }

    /// Nil when everything is written.
    private func failure(_ bytes: UnsafeRawBufferPointer) -> OutputFailure? {
        var rest = bytes
        while let base = rest.baseAddress, !rest.isEmpty {
            let count = Glibc.write(descriptor, base, rest.count)
            if count > 0 {
                rest = UnsafeRawBufferPointer(rebasing: rest[count...])
                continue
            }
            let number = count == 0 ? EIO : errno
            switch number {
            case EINTR: continue
            case EAGAIN:
                // Somebody else has made the shared descriptor one that does not wait.
                var entry = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                poll(&entry, 1, 1000)
            case EPIPE: return .closed
            default: return .system(number)
            }
        }
        return nil
    }
}
