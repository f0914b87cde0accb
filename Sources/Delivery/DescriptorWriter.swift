import Glibc

/// Writes to a file descriptor, a part at a time and never for long: a reader that takes nothing holds the thread for
/// 100 ms, after which the caller can look whether it should stop.
struct DescriptorWriter: ~Copyable {
    enum Step {
        /// So many bytes have gone.
        case wrote(Int)
        /// The reader took nothing for 100 ms.
        case stalled
        case failed(SinkError)
    }

    private enum Way {
        /// Regular files, and descriptors that do not wait.
        case write
        /// A pipe that waits when it is full. After poll(2) it has room for PIPE_BUF bytes (POSIX: 512; Linux: 4096).
        case writeInParts
        case send
    }

    private let descriptor: Int32
    private let way: Way
    private let ownsDescriptor: Bool
    private let place: String

    /// Takes a descriptor over and closes it in the end.
    init(owning descriptor: Int32, place: String) {
        self.descriptor = descriptor
        self.place = place
        way = .write
        ownsDescriptor = true
    }

    /// Writes to a descriptor that others share, such as standard output. Making it non-blocking would change it for
    /// them too, so pipes and terminals are opened a second time.
    ///
    /// - Parameter reopens: false to go on as where /proc is not to be had.
    init(sharing descriptor: Int32, place: String, reopens: Bool = true) {
        self.place = place
        var status = stat()
        let kind = fstat(descriptor, &status) == 0 ? status.st_mode & S_IFMT : S_IFREG
        if kind == S_IFIFO || kind == S_IFCHR {
            let own = !reopens ? -1 : open("/proc/self/fd/\(descriptor)", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)
            self.descriptor = own >= 0 ? own : descriptor
            ownsDescriptor = own >= 0
            way = own >= 0 ? .write : .writeInParts
        } else {
            self.descriptor = descriptor
            ownsDescriptor = false
            way = kind == S_IFSOCK ? .send : .write
        }
    }

    deinit {
        if ownsDescriptor { close(descriptor) }
    }

    /// Writes from the beginning of `bytes`, which must not be empty, as much as goes at once.
    func write(_ bytes: UnsafeRawBufferPointer) -> Step {
        while true {
            if way == .writeInParts, !isReady() { return .stalled }
            let result =
                switch way {
                case .write: Glibc.write(descriptor, bytes.baseAddress, bytes.count)
                case .writeInParts: Glibc.write(descriptor, bytes.baseAddress, min(bytes.count, 4096))
                case .send: send(descriptor, bytes.baseAddress, bytes.count, Int32(MSG_DONTWAIT) | Int32(MSG_NOSIGNAL))
                }
            if result > 0 { return .wrote(result) }
            let number = result < 0 ? errno : EIO
            if number == EINTR { continue }
            if number == EAGAIN || number == EWOULDBLOCK {
                if isReady() { continue }
                return .stalled
            }
            return .failed(SinkError(errno: number, place: place))
        }
    }

    private func isReady() -> Bool {
        var entry = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        return poll(&entry, 1, 100) > 0
    }
}
