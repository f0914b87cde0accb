import Foundation

/// What a running process uses, as the kernel tells it below `/proc`.
public struct ProcessFigures: Sendable {
    /// Pages in memory, shared libraries counted in full (`Rss` of smaps_rollup).
    public var residentBytes: Int
    /// The same with shared pages divided among those that share them (`Pss`).
    public var proportionalBytes: Int
    /// User and system time since the start, in steps of 10 ms.
    public var processorSeconds: Double
    public var threads: Int
    public var openDescriptors: Int

    public init(of pid: pid_t) throws {
        let rollup = Self.members(try Self.read("/proc/\(pid)/smaps_rollup"))
        residentBytes = Self.number(rollup["Rss"]) * 1024
        proportionalBytes = Self.number(rollup["Pss"]) * 1024
        threads = Self.number(Self.members(try Self.read("/proc/\(pid)/status"))["Threads"])

        // "pid (name) state ppid …": the name may hold blanks and brackets, so counting starts behind the last one.
        let stat = try Self.read("/proc/\(pid)/stat")
        let fields = stat[(stat.lastIndex(of: ")") ?? stat.startIndex)...].split(separator: " ")
        let ticks = fields.count > 13 ? (Int(fields[12]) ?? 0) + (Int(fields[13]) ?? 0) : 0
        processorSeconds = Double(ticks) / Double(sysconf(Int32(_SC_CLK_TCK)))
        openDescriptors = try FileManager.default.contentsOfDirectory(atPath: "/proc/\(pid)/fd").count
    }

    /// Files of `/proc` have no size: they are read until nothing comes.
    private static func read(_ path: String) throws -> String {
        guard let file = FileHandle(forReadingAtPath: path) else { throw SystemFailure("open \(path)") }
        return String(decoding: try file.readToEnd() ?? Data(), as: UTF8.self)
    }

    private static func members(_ text: String) -> [Substring: Substring] {
        var members: [Substring: Substring] = [:]
        for line in text.split(separator: "\n") {
            guard let colon = line.firstIndex(of: ":") else { continue }
            members[line[..<colon]] = line[line.index(after: colon)...]
        }
        return members
    }

    private static func number(_ text: Substring?) -> Int {
        text?.split(whereSeparator: { $0 == " " || $0 == "\t" }).first.flatMap { Int($0) } ?? 0
    }
}
