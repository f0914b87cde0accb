import Foundation
import Synchronization

/// The place where the output of all child processes of a test run comes together, so that one test can search all of
/// it for secrets.
///
/// The directory is `$PULLD_TEST_OUTPUT`; without it, one in `/tmp` for each test process, removed by a later one when
/// its process is gone.
public final class OutputCollector: Sendable {
    public static let shared = OutputCollector()

    public let directory: String
    private let counter = Atomic<Int>(0)
    private let kept = Mutex((looked: 0, open: [String]()))

    private init() {
        let files = FileManager.default
        if let chosen = ProcessInfo.processInfo.environment["PULLD_TEST_OUTPUT"], !chosen.isEmpty {
            directory = chosen
        } else {
            let parent = "/tmp/pulld-test-output-\(getuid())"
            for name in (try? files.contentsOfDirectory(atPath: parent)) ?? [] {
                guard let pid = pid_t(name), kill(pid, 0) == -1, errno == ESRCH else { continue }
                try? files.removeItem(atPath: "\(parent)/\(name)")
            }
            directory = "\(parent)/\(getpid())"
        }
        try? files.createDirectory(
            atPath: directory + "/output", withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    }

    /// Names for what a process says. The files are made by whoever writes them.
    public func newFiles(for program: String) throws -> (output: String, error: String) {
        let number = counter.add(1, ordering: .relaxed).newValue
        let stem = "\(directory)/output/\(getpid())-\(number)-\(program)"
        return (stem + ".out", stem + ".err")
    }

    /// Keeps a secret that was issued during a test, for `search()`. Shorter than eight bytes it would be found by
    /// chance and is refused.
    public func remember(secret: String) {
        guard secret.utf8.count >= 8, !secret.contains("\n") else { return }
        let descriptor = open(directory + "/secrets", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { return }
        defer { close(descriptor) }
        let line = Array((secret + "\n").utf8)
        _ = write(descriptor, line, line.count)
    }

    /// Files that daemons keep: how many were looked at, and which of them are open to others.
    public var keptFiles: (looked: Int, open: [String]) { kept.withLock { $0 } }

    func count(_ looked: Int, open: [String]) {
        kept.withLock { kept in
            kept.looked += looked
            kept.open += open
        }
    }

    /// A secret that stands in an output.
    public struct Leak: Sendable, Hashable {
        public var file: String
        /// Offset of its first byte.
        public var offset: Int
        /// The place in the list of remembered secrets: a test's own message must not repeat the secret.
        public var secretNumber: Int
    }

    /// Every place of every remembered secret in what the child processes have said until now.
    public func search() -> [Leak] {
        let secrets = FileManager.default.contents(atPath: directory + "/secrets") ?? Data()
        let needles = Set(secrets.split(separator: UInt8(ascii: "\n")).map { Data($0) })
        let ordered = needles.sorted { $0.lexicographicallyPrecedes($1) }
        let names = (try? FileManager.default.contentsOfDirectory(atPath: directory + "/output")) ?? []
        var leaks: [Leak] = []
        for name in names.sorted() {
            guard let text = FileManager.default.contents(atPath: "\(directory)/output/\(name)") else { continue }
            for (number, needle) in ordered.enumerated() {
                guard let place = text.range(of: needle) else { continue }
                leaks.append(Leak(file: name, offset: place.lowerBound, secretNumber: number))
            }
        }
        return leaks
    }
}
