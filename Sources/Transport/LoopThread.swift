import CCurl
import Glibc
import Synchronization

/// What runs on the loop: called on the loop's thread only.
protocol LoopHandler: AnyObject, Sendable {
    /// A watched descriptor is ready; `events` are epoll's.
    func loopReady(descriptor: Int32, events: UInt32)
    /// Once a turn, after the descriptors: timers and work left over.
    func loopTurn()
    /// Milliseconds the loop may sleep; -1: until something happens.
    func loopTimeout() -> Int32
}

/// One thread that waits in epoll and runs what belongs to the sockets. It is also the executor of the actor that owns
/// them, so that everything about a connection happens on one thread, without locks.
final class LoopThread: SerialExecutor, @unchecked Sendable {
    private enum Work {
        case job(UnownedJob)
        case call(@Sendable () -> Void)
    }

    private struct Shared {
        var work: [Work] = []
        var isWoken = false
        var isStopping = false
        /// No thread is there any more; work that comes now needs a new one.
        var hasEnded = false
    }

    private let epoll: Int32
    private let wakeDescriptor: Int32
    private let shared = Mutex(Shared())
    private let threadIdentity = Atomic<UInt>(0)
    /// Set before the thread starts, let go by the thread at its end.
    private var handler: (any LoopHandler)?
    /// Descriptors given up during this turn: an event for one of them, already fetched, means its predecessor.
    private var unwatched: Set<Int32> = []

    init() {
        epoll = epoll_create1(Int32(EPOLL_CLOEXEC))
        wakeDescriptor = eventfd(0, Int32(EFD_CLOEXEC) | Int32(EFD_NONBLOCK))
        precondition(epoll >= 0 && wakeDescriptor >= 0, "the kernel refuses an epoll or eventfd descriptor")
        watch(wakeDescriptor, events: EPOLLIN.rawValue)
    }

    deinit {
        close(wakeDescriptor)
        close(epoll)
    }

    func start(handler: any LoopHandler) {
        self.handler = handler
        startThread()
    }

    private func startThread() {
        let context = Unmanaged.passRetained(self).toOpaque()
        var thread = pthread_t()
        let failure = pthread_create(
            &thread, nil,
            { context in
                guard let context else { return nil }
                Unmanaged<LoopThread>.fromOpaque(context).takeRetainedValue().run()
                return nil
            }, context)
        precondition(failure == 0, "the kernel refuses a thread")
        pthread_detach(thread)
    }

    /// Ends the thread after the work queued so far. What is submitted later runs on a thread of its own, so that nobody
    /// waits for ever: an actor that is shut down still has to say so.
    func stop() {
        shared.withLock { $0.isStopping = true }
        wake()
    }

    // MARK: Executor

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        submit(.job(job))
    }

    func checkIsolated() {
        precondition(threadIdentity.load(ordering: .relaxed) == UInt(pthread_self()), "not on the loop's thread")
    }

    /// Runs `call` on the loop's thread, after what is queued already.
    func post(_ call: @escaping @Sendable () -> Void) {
        submit(.call(call))
    }

    private func submit(_ work: Work) {
        let (needsWake, needsThread) = shared.withLock { shared in
            shared.work.append(work)
            defer {
                shared.isWoken = true
                shared.hasEnded = false
            }
            return (!shared.isWoken, shared.hasEnded)
        }
        if needsThread {
            startThread()
        } else if needsWake {
            wake()
        }
    }

    private func wake() {
        var one: UInt64 = 1
        _ = write(wakeDescriptor, &one, 8)
    }

    // MARK: Descriptors

    /// Watches a descriptor for `events` (epoll's bits), or changes what it is watched for.
    func watch(_ descriptor: Int32, events: UInt32) {
        var event = epoll_event()
        event.events = events
        event.data.fd = descriptor
        if epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor, &event) != 0 && errno == EEXIST {
            _ = epoll_ctl(epoll, EPOLL_CTL_MOD, descriptor, &event)
        }
    }

    func unwatch(_ descriptor: Int32) {
        _ = epoll_ctl(epoll, EPOLL_CTL_DEL, descriptor, nil)
        unwatched.insert(descriptor)
    }

    // MARK: The thread

    private func run() {
        // SIGPIPE would be this thread's: libcurl leaves it alone (CURLOPT_NOSIGNAL), older ones with TLS provoke it.
        var signals = sigset_t()
        sigfillset(&signals)
        pthread_sigmask(SIG_BLOCK, &signals, nil)
        // For top and the debugger.
        ccurl_name_thread("transport")
        threadIdentity.store(UInt(pthread_self()), ordering: .relaxed)
        if let handler {
            var events = [epoll_event](repeating: epoll_event(), count: 256)
            while runQueuedWork() { turn(handler, &events) }
        }
        handler = nil
        while runLeftWork() {}
    }

    private func turn(_ handler: any LoopHandler, _ events: inout [epoll_event]) {
        let count = epoll_wait(epoll, &events, Int32(events.count), handler.loopTimeout())
        unwatched.removeAll(keepingCapacity: true)
        for index in 0..<Int(max(count, 0)) {
            let descriptor = events[index].data.fd
            if descriptor == wakeDescriptor {
                var value: UInt64 = 0
                _ = read(wakeDescriptor, &value, 8)
            } else if !unwatched.contains(descriptor) {
                handler.loopReady(descriptor: descriptor, events: events[index].events)
            }
        }
        handler.loopTurn()
    }

    /// False when the loop is to end.
    private func runQueuedWork() -> Bool {
        let (work, isStopping) = shared.withLock { shared in
            defer {
                shared.work.removeAll()
                shared.isWoken = false
            }
            return (shared.work, shared.isStopping)
        }
        run(work)
        return !isStopping
    }

    /// False when nothing is left, and this thread is not the loop's any more.
    private func runLeftWork() -> Bool {
        let work = shared.withLock { shared in
            defer { shared.work.removeAll() }
            if shared.work.isEmpty {
                threadIdentity.store(0, ordering: .relaxed)
                shared.hasEnded = true
            }
            return shared.work
        }
        run(work)
        return !work.isEmpty
    }

    private func run(_ work: [Work]) {
        for item in work {
            switch item {
            case .job(let job): job.runSynchronously(on: asUnownedSerialExecutor())
            case .call(let call): call()
            }
        }
    }
}
