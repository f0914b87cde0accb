import Foundation
import Synchronization

/// How a child process ended.
public struct ProcessExit: Sendable, Hashable {
    /// Nil when a signal ended it.
    public var code: Int32?
    public var signal: Int32?
    /// User and system time of the process and of its reaped children.
    public var processorSeconds: Double
    public var peakResidentBytes: Int
}

/// A child process in a process group of its own, its standard output and error captured in files.
///
/// Whatever still runs when the value goes away, or when the test process ends, is killed with its whole group.
public final class ChildProcess: Sendable {
    public let pid: pid_t
    public let outputPath: String
    public let errorPath: String
    private let ended = Mutex<ProcessExit?>(nil)

    /// - Parameters:
    ///   - program: a path, or a name to be found in `PATH`.
    ///   - environment: the whole environment. Default: `PATH` and `HOME` of the test process alone, so that proxies
    ///     and locales of a developer's shell change nothing.
    ///   - outputPath: where standard output goes instead of into a file of `OutputCollector`.
    ///   - inputPath: where standard input comes from.
    public init(
        _ program: String, _ arguments: [String] = [], environment: [String: String] = ChildProcess.bareEnvironment,
        outputPath: String? = nil, inputPath: String = "/dev/null"
    ) throws {
        let name = program.split(separator: "/").last.map(String.init) ?? program
        let files = try OutputCollector.shared.newFiles(for: name)
        self.outputPath = outputPath ?? files.output
        errorPath = files.error
        pid = try Self.spawn(
            program, arguments, environment: environment, outputPath: self.outputPath, errorPath: files.error,
            inputPath: inputPath)
        RunningChildren.shared.add(pid)
    }

    deinit {
        kill()
    }

    public static var bareEnvironment: [String: String] {
        ProcessInfo.processInfo.environment.filter { ["PATH", "HOME", "LLVM_PROFILE_FILE"].contains($0.key) }
    }

    public var output: String { Self.text(at: outputPath) }
    public var errorOutput: String { Self.text(at: errorPath) }

    /// Nil while it runs.
    public var exit: ProcessExit? { reap(options: WNOHANG) }

    public func signal(_ number: Int32) {
        guard exit == nil else { return }
        _ = Glibc.kill(pid, number)
    }

    /// SIGKILL for the whole group, and waits for the process itself.
    public func kill() {
        guard exit == nil else { return }
        _ = Glibc.kill(-pid, SIGKILL)
        _ = reap(options: 0)
    }

    /// Waits for the process to end by itself.
    public func exit(within limit: Duration) async throws -> ProcessExit {
        try await eventually(within: limit, "\(outputPath): the process ends") { exit != nil }
        guard let exit else { throw NotInTime(description: "the process ends") }
        return exit
    }

    /// SIGTERM, then waits for the process to end.
    public func terminate(within limit: Duration) async throws -> ProcessExit {
        signal(SIGTERM)
        return try await exit(within: limit)
    }

    private func reap(options: Int32) -> ProcessExit? {
        ended.withLock { ended in
            if let ended { return ended }
            var status: Int32 = 0
            var usage = rusage()
            var result: pid_t
            repeat { result = wait4(pid, &status, options, &usage) } while result == -1 && errno == EINTR
            guard result == pid else { return nil }
            RunningChildren.shared.remove(pid)
            let signal = status & 0x7f
            let exit = ProcessExit(
                code: signal == 0 ? (status >> 8) & 0xff : nil, signal: signal == 0 ? nil : signal,
                processorSeconds: usage.ru_utime.seconds + usage.ru_stime.seconds,
                peakResidentBytes: usage.ru_maxrss * 1024)
            ended = exit
            return exit
        }
    }

    private static func text(at path: String) -> String {
        String(decoding: FileManager.default.contents(atPath: path) ?? Data(), as: UTF8.self)
    }

    private static func spawn(
        _ program: String, _ arguments: [String], environment: [String: String], outputPath: String, errorPath: String,
        inputPath: String
    ) throws -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, inputPath, O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 1, outputPath, O_WRONLY | O_CREAT | O_APPEND, 0o600)
        posix_spawn_file_actions_addopen(&actions, 2, errorPath, O_WRONLY | O_CREAT | O_APPEND, 0o600)
        keepDescriptors()

        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var all = sigset_t()
        var none = sigset_t()
        sigfillset(&all)
        sigemptyset(&none)
        posix_spawnattr_setsigdefault(&attributes, &all)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setpgroup(&attributes, 0)
        posix_spawnattr_setflags(
            &attributes, Int16(POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK))

        var argv = ([program] + arguments).map { strdup($0) } + [nil]
        var envp = environment.map { strdup("\($0.key)=\($0.value)") } + [nil]
        defer { for pointer in argv + envp { free(pointer) } }
        var pid: pid_t = 0
        let code = posix_spawnp(&pid, program, &actions, &attributes, &argv, &envp)
        guard code == 0 else { throw SystemFailure("start \(program)", code: code) }
        return pid
    }
}

extension ChildProcess {
    /// No child inherits a descriptor of this process, whoever opened it: a listening socket in a child would keep its
    /// port, and the write end of a pipe its reader.
    private static func keepDescriptors() {
        for name in (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")) ?? [] {
            guard let descriptor = Int32(name), descriptor > 2 else { continue }
            _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        }
    }
}

extension timeval {
    var seconds: Double { Double(tv_sec) + Double(tv_usec) / 1_000_000 }
}

/// What must not outlive the test process. Unchecked: its signal sources are never touched again.
private final class RunningChildren: @unchecked Sendable {
    static let shared = RunningChildren()
    private let pids = Mutex<Set<pid_t>>([])
    private let interruptions: [any DispatchSourceSignal]

    private init() {
        // Children have process groups of their own, so a Ctrl-C on the terminal does not reach them.
        interruptions = [SIGINT, SIGTERM].map { number in
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler { exit(128 + number) }
            source.activate()
            return source
        }
        atexit { RunningChildren.shared.killAll() }
    }

    private func killAll() {
        for pid in pids.withLock({ $0 }) { _ = Glibc.kill(-pid, SIGKILL) }
    }

    func add(_ pid: pid_t) { pids.withLock { _ = $0.insert(pid) } }
    func remove(_ pid: pid_t) { pids.withLock { _ = $0.remove(pid) } }
}
