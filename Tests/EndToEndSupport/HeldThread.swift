import Foundation

/// One thread of another process, held still by ptrace(2) while the others run on, as a system call that never returns
/// would.
public final class HeldThread: Sendable {
    private let holder: ChildProcess

    /// The thread is held from when this returns.
    ///
    /// - Parameter name: the thread's, as the kernel knows it.
    public init(_ name: String, of pid: pid_t) async throws {
        let tasks = try FileManager.default.contentsOfDirectory(atPath: "/proc/\(pid)/task")
        let thread = tasks.first { task in
            (try? String(contentsOfFile: "/proc/\(pid)/task/\(task)/comm", encoding: .utf8)) == name + "\n"
        }
        guard let thread else { throw CommandLineTool.Failure(description: "process \(pid) has no thread \(name)") }
        // PTRACE_SEIZE, PTRACE_INTERRUPT, and waitpid with __WALL. When the tracer ends, the thread goes on.
        let script = """
            import ctypes, os, sys, time
            libc, thread = ctypes.CDLL(None, use_errno=True), int(sys.argv[1])
            for request in (0x4206, 0x4207):
                if libc.ptrace(ctypes.c_long(request), ctypes.c_long(thread), None, None) != 0:
                    sys.exit(os.strerror(ctypes.get_errno()))
            os.waitpid(thread, 0x40000000)
            print('held', flush=True)
            time.sleep(600)
            """
        let holder = try ChildProcess("/usr/bin/python3", ["-c", script, thread])
        self.holder = holder
        try await eventually(within: .seconds(30), "the thread \(name) is held: \(holder.errorOutput)") {
            if holder.exit != nil {
                throw CommandLineTool.Failure(description: "the thread \(name) is not held: \(holder.errorOutput)")
            }
            return holder.output == "held\n"
        }
    }

    /// It goes on.
    public func release() { holder.kill() }
}
