import Foundation

/// A disk that can be stopped: whoever writes to it then waits, in the kernel, until it goes on (fsfreeze(8)). A file system
/// in a file, for which one has to be root.
public final class FreezingDisk: Sendable {
    public let path: String
    private let directory: ScratchDirectory

    public static var isPossible: Bool { getuid() == 0 && access("/dev/loop-control", F_OK) == 0 }

    public init(bytes: Int = 64 << 20) async throws {
        directory = try ScratchDirectory()
        path = try directory.directory("disk")
        let image = directory.file("image")
        guard FileManager.default.createFile(atPath: image, contents: nil), truncate(image, off_t(bytes)) == 0 else {
            throw SystemFailure("make \(image)")
        }
        try await CommandLineTool.run("mkfs.ext4", ["-q", image])
        try await CommandLineTool.run("mount", ["-o", "loop", image, path])
    }

    deinit {
        _ = ioctl(freeze: false)
        umount2(path, Int32(MNT_DETACH))
    }

    public func freeze() throws {
        guard ioctl(freeze: true) else { throw SystemFailure("freeze \(path)") }
    }

    public func thaw() throws {
        guard ioctl(freeze: false) else { throw SystemFailure("thaw \(path)") }
    }

    private func ioctl(freeze: Bool) -> Bool {
        let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        // FIFREEZE and FITHAW (ioctl_fs(2)): _IOWR('X', 119 and 120, int).
        return Glibc.ioctl(descriptor, freeze ? 0xC004_5877 : 0xC004_5878, 0) == 0
    }
}
