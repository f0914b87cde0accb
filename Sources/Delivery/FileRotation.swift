import Glibc

/// When a file is followed by a new one, and how many former ones stay:
///
/// ```
/// events.ndjson   events.ndjson.1   events.ndjson.2 … events.ndjson.KEEP
///  being written   the former one    the one before
/// ```
public struct FileRotation: Hashable, Sendable {
    /// In bytes: no line is added that makes the file longer; a longer line has a file of its own. Nil: no limit.
    public var size: UInt64?
    /// A line is not added to a file whose first line is older. Known over restarts; of a file that was there before,
    /// it counts from its last change. Nothing is rotated while no line comes. Nil: no limit.
    public var age: Duration?
    /// 0: the former file is removed.
    public var keep: Int

    public init(size: UInt64? = nil, age: Duration? = nil, keep: Int = 10) {
        self.size = size
        self.age = age
        self.keep = max(0, keep)
    }

    /// One system call. A crash between any two steps leaves every line in exactly one file, under a name that
    /// `FileRecovery` looks at.
    enum Step: Hashable {
        case remove(String)
        case rename(String, to: String)
    }

    /// The steps for `path`. Names move up to the first one that is free; what is beyond `keep` goes.
    func steps(for path: String, exists: (String) -> Bool) -> [Step] {
        var steps: [Step] = []
        var number = keep + 1
        while exists("\(path).\(number)") {
            steps.append(.remove("\(path).\(number)"))
            number += 1
        }
        if keep == 0 { return steps + [.remove(path)] }
        var free = 1
        while free < keep, exists("\(path).\(free)") { free += 1 }
        for target in stride(from: free, to: 1, by: -1) {
            steps.append(.rename("\(path).\(target - 1)", to: "\(path).\(target)"))
        }
        return steps + [.rename(path, to: "\(path).1")]
    }
}

extension FileRotation.Step {
    /// - Throws: what the system says; nothing has changed then.
    func perform() throws(SinkError) {
        switch self {
        case .remove(let path):
            if unlink(path) != 0 { throw SinkError(errno: errno, place: path) }
        case .rename(let path, let target):
            if Glibc.rename(path, target) != 0 { throw SinkError(errno: errno, place: path) }
        }
    }
}
