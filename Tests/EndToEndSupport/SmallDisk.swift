import Foundation

/// A file system of some megabytes in memory, which a test can fill up, free, and make read-only.
///
/// Root mounts it for all to see. Anybody else mounts it in a namespace of its own, and starts with `launcher` what is to
/// see it.
public final class SmallDisk: Sendable {
    public enum Kind: Sendable {
        case machine
        case namespace

        public static var possible: Kind { getuid() == 0 ? .machine : .namespace }
    }

    /// No such disk can be had here, and why.
    public struct Unavailable: Error, CustomStringConvertible {
        public let description: String
    }

    /// As processes started with `launcher` see it.
    public let path: String
    /// Stands before a command that is to see the disk. Empty where everybody does.
    public let launcher: [String]
    /// As this process sees it.
    public let ownPath: String
    private let kind: Kind
    private let directory: ScratchDirectory
    /// Keeps the namespace.
    private let holder: ChildProcess?

    public init(bytes: Int = 8 << 20, kind: Kind = .possible) async throws {
        self.kind = kind
        directory = try ScratchDirectory()
        path = try directory.directory("disk")
        let options = "size=\(bytes),mode=0700"
        switch kind {
        case .machine:
            (holder, launcher, ownPath) = (nil, [], path)
            guard mount("tmpfs", path, "tmpfs", UInt(MS_NOSUID) | UInt(MS_NODEV), options) == 0 else {
                throw Unavailable(description: "no small disk: \(SystemFailure("mount tmpfs"))")
            }
        case .namespace:
            let script = "mount -t tmpfs -o \(options) tmpfs \(path) && echo mounted && exec sleep 86400"
            let holder = try ChildProcess(
                "unshare", ["--user", "--map-root-user", "--mount", "sh", "-c", script])
            self.holder = holder
            launcher = [
                "nsenter", "--user", "--mount", "--preserve-credentials", "--target", "\(holder.pid)", "--",
            ]
            ownPath = "/proc/\(holder.pid)/root\(path)"
            try await eventually(within: .seconds(30), "a namespace has its disk") {
                if holder.exit != nil {
                    throw Unavailable(description: "no small disk: not root, and \(holder.errorOutput)")
                }
                return holder.output == "mounted\n"
            }
        }
    }

    deinit {
        // Lazily: a process that still has a file open there keeps it until it ends.
        if kind == .machine { umount2(path, Int32(MNT_DETACH)) }
    }

    /// What may still be written, bytes.
    public var freeBytes: Int {
        var figures = statvfs()
        guard statvfs(ownPath, &figures) == 0 else { return 0 }
        return Int(figures.f_bfree) * Int(figures.f_frsize)
    }

    /// Takes all room but so much, for a file of the test's own.
    public func fill(leaving rest: Int = 0) throws {
        let descriptor = open(ownPath + "/ballast", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw SystemFailure("open the ballast") }
        defer { close(descriptor) }
        // A page at a time: less does not matter to tmpfs.
        let page = [UInt8](repeating: 0x2e, count: 4096)
        while freeBytes - rest >= page.count {
            guard write(descriptor, page, page.count) == page.count else {
                if errno == ENOSPC { return }
                throw SystemFailure("write the ballast")
            }
        }
    }

    /// Gives back what `fill` has taken.
    public func free() throws {
        guard unlink(ownPath + "/ballast") == 0 else { throw SystemFailure("remove the ballast") }
    }

    /// From now on nothing can be written there; fails while a file is open for writing.
    public func makeReadOnly() async throws { try await remount("ro") }

    public func makeWritable() async throws { try await remount("rw") }

    private func remount(_ option: String) async throws {
        let command = launcher + ["mount", "-o", "remount,\(option)", path]
        try await CommandLineTool.run(command[0], Array(command.dropFirst()))
    }
}
