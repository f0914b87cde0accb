import Addresses
import Glibc
import Timing

/// The sockets of the admin endpoint's connections. Only its thread touches them.
struct AdminConnections {
    private struct Open {
        var descriptor: Int32
        var connection: AdminConnection
    }

    private let listener: AdminListener
    private let isTCP: Bool
    private let limits: AdminConnection.Limits
    private var open: [Int: Open] = [:]
    private var lastNumber = 0
    private var hasVisitor = false
    /// Ready to read or write, or broken.
    private var ready: [Int: Int16] = [:]
    /// No descriptor was to be had for a connection: the next attempt.
    private var acceptsAgainAt: Duration?
    private var buffer = [UInt8](repeating: 0, count: 4096)

    init(_ listener: AdminListener, _ limits: AdminConnection.Limits) {
        self.listener = listener
        self.limits = limits
        isTCP = if case .loopback = listener.address { true } else { false }
    }

    // MARK: waiting

    /// Returns when there is something to do.
    mutating func wait(pipe: Int32) {
        let now = Moment.now().monotonic
        if let again = acceptsAgainAt, again <= now { acceptsAgainAt = nil }
        let accepts = open.count < AdminServer.maximumConnections && acceptsAgainAt == nil
        var entries = [pollfd(fd: pipe, events: Int16(POLLIN), revents: 0)]
        entries.append(pollfd(fd: accepts ? listener.descriptor : -1, events: Int16(POLLIN), revents: 0))
        let numbers = Array(open.keys)
        for number in numbers {
            guard let entry = open[number] else { continue }
            let events: Int16 =
                switch entry.connection.phase {
                case .reading, .lingering: Int16(POLLIN)
                case .writing: Int16(POLLOUT)
                case .asking, .over: 0
                }
            entries.append(pollfd(fd: entry.descriptor, events: events, revents: 0))
        }
        poll(&entries, nfds_t(entries.count), timeout(now))
        if entries[0].revents != 0 { drain(pipe) }
        hasVisitor = entries[1].revents != 0
        ready = [:]
        for (number, entry) in zip(numbers, entries.dropFirst(2)) where entry.revents != 0 {
            ready[number] = entry.revents
        }
    }

    /// Milliseconds to the first deadline; -1: there is none.
    private func timeout(_ now: Duration) -> Int32 {
        let deadlines = open.values.map(\.connection.deadline) + [acceptsAgainAt].compactMap(\.self)
        guard let first = deadlines.min() else { return -1 }
        return Int32(min(max(0, (first - now).inSeconds * 1000).rounded(.up), 60_000))
    }

    private mutating func drain(_ pipe: Int32) {
        while buffer.withUnsafeMutableBytes({ read(pipe, $0.baseAddress, $0.count) }) > 0 {}
    }

    // MARK: doing

    /// Does what can be done without waiting. Returns the paths that are asked for.
    mutating func turn() -> [(connection: Int, path: String)] {
        if hasVisitor { accept() }
        var paths: [(connection: Int, path: String)] = []
        let moment = Moment.now()
        for (number, events) in ready {
            guard let entry = open[number] else { continue }
            if events & Int16(POLLERR | POLLNVAL) != 0 {
                open[number]?.connection.broke()
                continue
            }
            switch entry.connection.phase {
            case .reading, .lingering: if let path = receive(number, moment) { paths.append((number, path)) }
            case .writing: send(number, moment)
            // Gone while its answer was made.
            case .asking: open[number]?.connection.broke()
            case .over: break
            }
        }
        ready = [:]
        for (number, entry) in open {
            open[number]?.connection.expire(at: moment.monotonic, wall: moment.wall)
            guard let phase = open[number]?.connection.phase, case .over = phase else { continue }
            close(entry.descriptor)
            open[number] = nil
        }
        return paths
    }

    /// The answer to a path; nothing where the connection has ended meanwhile.
    mutating func answer(_ number: Int, _ answer: AdminAnswer) {
        let moment = Moment.now()
        guard open[number] != nil else { return }
        open[number]?.connection.answer(answer, at: moment.monotonic, wall: moment.wall)
        send(number, moment)
    }

    mutating func closeAll() {
        for entry in open.values { close(entry.descriptor) }
        open = [:]
    }

    private mutating func accept() {
        hasVisitor = false
        let now = Moment.now().monotonic
        while open.count < AdminServer.maximumConnections {
            let descriptor = Glibc.accept(listener.descriptor, nil, nil)
            if descriptor < 0 {
                // Descriptors are all in use: asking at once again would be a loop.
                if errno != EAGAIN && errno != EINTR && errno != ECONNABORTED { acceptsAgainAt = now + .seconds(1) }
                return
            }
            _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
            _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
            lastNumber += 1
            open[lastNumber] = Open(
                descriptor: descriptor, connection: AdminConnection(at: now, isTCP: isTCP, limits: limits))
        }
    }

    private mutating func receive(_ number: Int, _ moment: Moment) -> String? {
        guard let entry = open[number] else { return nil }
        let count = buffer.withUnsafeMutableBytes { recv(entry.descriptor, $0.baseAddress, $0.count, 0) }
        if count < 0 {
            if errno != EAGAIN && errno != EINTR { open[number]?.connection.broke() }
            return nil
        }
        return open[number]?.connection.received(buffer[..<count], at: moment.monotonic, wall: moment.wall)
    }

    private mutating func send(_ number: Int, _ moment: Moment) {
        guard let entry = open[number], case .writing = entry.connection.phase else { return }
        let count = entry.connection.output.withUnsafeBytes {
            Glibc.send(entry.descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
        }
        if count < 0 {
            if errno != EAGAIN && errno != EINTR { open[number]?.connection.broke() }
            return
        }
        open[number]?.connection.sent(count, at: moment.monotonic)
        if let phase = open[number]?.connection.phase, case .lingering = phase {
            shutdown(entry.descriptor, Int32(SHUT_WR))
        }
    }
}
