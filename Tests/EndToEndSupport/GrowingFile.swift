import Foundation
import Synchronization

/// Counts the lines of a file that grows, reading each byte once. A file that has become shorter, or another one, is counted
/// from its beginning, on top of what was counted before.
public final class GrowingFile: Sendable {
    private struct State {
        var inode: UInt64 = 0
        var offset = 0
        var lines = 0
    }

    private let path: String
    private let state = Mutex(State())

    public init(_ path: String) {
        self.path = path
    }

    /// Line feeds seen until now.
    public var lineCount: Int {
        state.withLock { state in
            let descriptor = open(path, O_RDONLY | O_CLOEXEC)
            guard descriptor >= 0 else { return state.lines }
            defer { close(descriptor) }
            var figures = stat()
            guard fstat(descriptor, &figures) == 0 else { return state.lines }
            if figures.st_ino != state.inode || figures.st_size < state.offset {
                state.inode = UInt64(figures.st_ino)
                state.offset = 0
            }
            var buffer = [UInt8](repeating: 0, count: 1 << 18)
            while true {
                let count = pread(descriptor, &buffer, buffer.count, state.offset)
                guard count > 0 else { return state.lines }
                state.offset += count
                state.lines += buffer.withUnsafeBytes { Self.lineFeeds(in: $0[..<count]) }
            }
        }
    }

    /// memchr(3): a test compiled for debugging would take a second for what the disk gives in a moment.
    private static func lineFeeds(in bytes: Slice<UnsafeRawBufferPointer>) -> Int {
        var rest = UnsafeRawBufferPointer(rebasing: bytes)
        var count = 0
        while let start = rest.baseAddress, let hit = memchr(start, Int32(UInt8(ascii: "\n")), rest.count) {
            count += 1
            rest = UnsafeRawBufferPointer(rebasing: rest[(UnsafeRawPointer(hit) - start + 1)...])
        }
        return count
    }

    /// Waits until there are so many lines.
    public func hasLines(_ count: Int, within limit: Duration) async throws {
        try await eventually(within: limit, "\(count) lines are in \(path); there are \(lineCount)") {
            lineCount >= count
        }
    }
}
