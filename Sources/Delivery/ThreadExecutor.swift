import Glibc
import Synchronization

/// Runs tasks on one thread of its own, so that a system call which blocks holds up nobody else. The thread takes no
/// signals: a write into a broken pipe is an error for it, not SIGPIPE.
final class ThreadExecutor: TaskExecutor {
    private let queue: JobQueue

    /// - Throws: `system` when the system gives no thread.
    init() throws(SinkError) {
        queue = JobQueue()
        // The thread holds the queue and not the executor, whose end is the thread's end.
        let argument = Unmanaged.passRetained(queue)
        var attributes = pthread_attr_t()
        pthread_attr_init(&attributes)
        defer { pthread_attr_destroy(&attributes) }
        pthread_attr_setstacksize(&attributes, 512 * 1024)
        pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
        var everySignal = sigset_t()
        var previous = sigset_t()
        sigfillset(&everySignal)
        // A new thread takes over the mask, so there is no moment without it.
        pthread_sigmask(SIG_SETMASK, &everySignal, &previous)
        defer { pthread_sigmask(SIG_SETMASK, &previous, nil) }
        var thread = pthread_t()
        let result = pthread_create(&thread, &attributes, { JobQueue.run($0) }, argument.toOpaque())
        if result != 0 {
            argument.release()
            throw SinkError(errno: result, place: "a thread for the sink")
        }
    }

    deinit {
        queue.close()
    }

    func enqueue(_ job: consuming ExecutorJob) {
        queue.append(UnownedJob(job), asUnownedTaskExecutor())
    }
}

/// Jobs for a thread, and its wait for them.
private final class JobQueue: @unchecked Sendable {
    // `jobs` and `isClosed` are only touched while `lock` is held.
    private let lock: UnsafeMutablePointer<pthread_mutex_t>
    private let changed: UnsafeMutablePointer<pthread_cond_t>
    private var jobs: [(UnownedJob, UnownedTaskExecutor)] = []
    private var isClosed = false

    init() {
        lock = .allocate(capacity: 1)
        changed = .allocate(capacity: 1)
        pthread_mutex_init(lock, nil)
        pthread_cond_init(changed, nil)
    }

    deinit {
        pthread_cond_destroy(changed)
        pthread_mutex_destroy(lock)
        changed.deallocate()
        lock.deallocate()
    }

    func append(_ job: UnownedJob, _ executor: UnownedTaskExecutor) {
        pthread_mutex_lock(lock)
        jobs.append((job, executor))
        pthread_cond_signal(changed)
        pthread_mutex_unlock(lock)
    }

    func close() {
        pthread_mutex_lock(lock)
        isClosed = true
        pthread_cond_signal(changed)
        pthread_mutex_unlock(lock)
    }

    /// The thread: does jobs until the queue is closed.
    static func run(_ argument: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
        guard let argument else { return nil }
        let queue = Unmanaged<JobQueue>.fromOpaque(argument).takeRetainedValue()
        while let (job, executor) = queue.next() {
            job.runSynchronously(on: executor)
        }
        return nil
    }

    /// Waits for a job. Nil when the queue is closed and empty.
    private func next() -> (UnownedJob, UnownedTaskExecutor)? {
        pthread_mutex_lock(lock)
        defer { pthread_mutex_unlock(lock) }
        while jobs.isEmpty {
            if isClosed { return nil }
            pthread_cond_wait(changed, lock)
        }
        return jobs.removeFirst()
    }
}
