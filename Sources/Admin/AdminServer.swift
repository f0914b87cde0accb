public import Addresses
import Glibc
import Synchronization
import Timing

/// The admin endpoint: HTTP/1.1 on this machine, GET and HEAD, one request a connection, a few connections at a time. A
/// thread of its own reads and writes, so that it answers even where nothing else does.
public final class AdminServer: Sendable {
    /// Answers a path; called on no particular thread.
    public typealias Handler = @Sendable (_ path: String) async -> AdminAnswer

    /// At a time; more wait in the kernel.
    static let maximumConnections = 16

    private struct Mail {
        var answers: [(connection: Int, answer: AdminAnswer)] = []
        var isStopping = false
        var hasEnded = false
        var waiter: CheckedContinuation<Void, Never>?
    }

    private let listener: AdminListener
    private let limits: AdminConnection.Limits
    private let handler: Handler
    private let mail = Mutex(Mail())
    /// A byte in it ends the thread's wait.
    private let pipe: (read: Int32, write: Int32)

    /// Listens and serves, until `stop`.
    ///
    /// - Throws: `AdminError` where the address cannot be had.
    public convenience init(on address: LocalAddress, handler: @escaping Handler) throws(AdminError) {
        try self.init(on: address, limits: AdminConnection.Limits(), handler: handler)
    }

    init(
        on address: LocalAddress, limits: AdminConnection.Limits, handler: @escaping Handler
    ) throws(AdminError) {
        var ends: [Int32] = [-1, -1]
        let type = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
        guard socketpair(AF_UNIX, type, 0, &ends) == 0 else {
            throw AdminError(code: .system, message: "no socket: \(String(cString: strerror(errno)))", cure: "")
        }
        pipe = (ends[0], ends[1])
        do throws(AdminError) { listener = try AdminListener(address) } catch {
            close(ends[0])
            close(ends[1])
            throw error
        }
        self.limits = limits
        self.handler = handler
        guard startThread() else {
            listener.close()
            throw AdminError(code: .system, message: "the system gives no thread", cure: "")
        }
    }

    deinit {
        close(pipe.read)
        close(pipe.write)
    }

    /// Closes the socket and all connections. Returns when that is done.
    public func stop() async {
        await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
            let isOver = mail.withLock { mail in
                mail.isStopping = true
                if !mail.hasEnded { mail.waiter = continuation }
                return mail.hasEnded
            }
            if isOver { continuation.resume() }
            wake()
        }
    }

    private func wake() {
        var byte: UInt8 = 0
        _ = write(pipe.write, &byte, 1)
    }

    // MARK: the thread

    private func startThread() -> Bool {
        var attributes = pthread_attr_t()
        pthread_attr_init(&attributes)
        defer { pthread_attr_destroy(&attributes) }
        pthread_attr_setstacksize(&attributes, 256 * 1024)
        pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
        var every = sigset_t()
        var before = sigset_t()
        sigfillset(&every)
        // Signals belong to other threads; a new one has the mask of its maker.
        pthread_sigmask(SIG_SETMASK, &every, &before)
        defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
        var thread = pthread_t()
        let context = Unmanaged.passRetained(self)
        let result = pthread_create(
            &thread, &attributes,
            { context in
                if let context { Unmanaged<AdminServer>.fromOpaque(context).takeRetainedValue().serve() }
                return nil
            }, context.toOpaque())
        if result != 0 { context.release() }
        return result == 0
    }

    private func serve() {
        var connections = AdminConnections(listener, limits)
        while !mail.withLock({ $0.isStopping }) {
            connections.wait(pipe: pipe.read)
            let answers = mail.withLock { mail in
                defer { mail.answers = [] }
                return mail.answers
            }
            for (connection, answer) in answers { connections.answer(connection, answer) }
            for (connection, path) in connections.turn() { ask(connection, path) }
        }
        connections.closeAll()
        listener.close()
        let waiter = mail.withLock { mail in
            mail.hasEnded = true
            return mail.waiter
        }
        waiter?.resume()
    }

    private func ask(_ connection: Int, _ path: String) {
        Task { [self] in
            let answer = await handler(path)
            mail.withLock { $0.answers.append((connection, answer)) }
            wake()
        }
    }
}
