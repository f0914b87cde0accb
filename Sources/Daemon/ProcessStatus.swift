import Admin
import Glibc

extension StatusReport.Process {
    /// This process; nil where the system does not tell.
    static func current() -> StatusReport.Process? {
        guard let memory = residentMemory(), let descriptors = openDescriptors() else { return nil }
        var time = timespec()
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
        return StatusReport.Process(
            residentMemory: memory, cpuTime: Double(time.tv_sec) + Double(time.tv_nsec) / 1e9,
            openDescriptors: descriptors)
    }

    /// The second number of proc_pid_statm(5), in pages.
    private static func residentMemory() -> UInt64? {
        let descriptor = open("/proc/self/statm", O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var buffer = [UInt8](repeating: 0, count: 128)
        let count = read(descriptor, &buffer, buffer.count)
        let fields = String(decoding: buffer.prefix(max(0, count)), as: UTF8.self).split(separator: " ")
        guard fields.count > 1, let pages = UInt64(fields[1]) else { return nil }
        return pages * UInt64(max(1, sysconf(Int32(_SC_PAGESIZE))))
    }

    private static func openDescriptors() -> UInt64? {
        guard let directory = opendir("/proc/self/fd") else { return nil }
        defer { closedir(directory) }
        var count: UInt64 = 0
        while readdir(directory) != nil { count += 1 }
        // `.`, `..` and the directory itself.
        return count - min(count, 3)
    }
}
