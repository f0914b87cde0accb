import Delivery
import Foundation
import Glibc
import Logging
import Synchronization
import Timing
import Transport

/// A clock whose sleeps end at once and are noted. A sleep as long as the tests' drain limit, or as `never`, does not
/// end by itself.
final class FakeClock: Sendable {
    static let drainLimit = Duration.seconds(1234)
    static let never = Duration.seconds(4321)

    private let state = Mutex((elapsed: Duration.zero, passed: Duration.zero, sleeps: [Duration]()))

    var sleeps: [Duration] { state.withLock { $0.sleeps } }

    /// Lets time pass, by both clocks.
    func pass(_ duration: Duration) {
        state.withLock { $0.passed += duration }
    }

    private var now: Moment {
        state.withLock { state in
            Moment(
                monotonic: state.elapsed + state.passed,
                wall: 1_795_338_000.9 + state.passed.inSeconds)
        }
    }

    var clock: DeliveryClock {
        DeliveryClock(
            time: TimeSource { self.now },
            sleep: { duration in
                if duration >= Self.drainLimit { try await Task.sleep(for: .seconds(3600)) }
                self.state.withLock { state in
                    state.elapsed += duration
                    state.sleeps.append(duration)
                }
                // Real time for others, so that endless tries do not fill a processor.
                try await Task.sleep(for: .milliseconds(1))
            },
            random: { 0.5 })
    }
}

/// Answers requests from a script and keeps them.
final class FakeClient: HTTPClient {
    private let sent = Mutex<[HTTPRequest]>([])
    private let answer: @Sendable (_ attempt: Int, HTTPRequest) async throws(TransportError) -> HTTPResponse

    init(
        _ answer: @escaping @Sendable (_ attempt: Int, HTTPRequest) async throws(TransportError) -> HTTPResponse
    ) {
        self.answer = answer
    }

    var requests: [HTTPRequest] { sent.withLock { $0 } }
    var bodies: [String] { requests.map { String(decoding: $0.body, as: UTF8.self) } }

    func exchange(_ request: HTTPRequest) async throws(TransportError) -> HTTPResponse {
        let attempt = sent.withLock { sent in
            sent.append(request)
            return sent.count
        }
        return try await answer(attempt, request)
    }

    /// Takes everything.
    static func willing() -> FakeClient {
        FakeClient { _, _ in HTTPResponse(status: 204) }
    }

    /// Takes the connection and never answers.
    static func hung() -> FakeClient {
        FakeClient { _, _ throws(TransportError) in
            do { try await Task.sleep(for: .seconds(3600)) } catch {}
            throw TransportError(stage: .cancelled, message: "cancelled")
        }
    }
}

/// Keeps what was logged, as `LEVEL MESSAGE KEY=VALUE …`.
final class LogBook: Sendable {
    private let entries = Mutex<[String]>([])

    var lines: [String] { entries.withLock { $0 } }

    var logger: Logger { Logger(label: "test") { _ in Handler(book: self) } }

    private struct Handler: LogHandler {
        let book: LogBook
        var metadata: Logger.Metadata = [:]
        var logLevel = Logger.Level.trace

        init(book: LogBook) {
            self.book = book
        }

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            let values = (event.metadata ?? [:]).sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
            book.entries.withLock { $0.append("\(event.level) \(event.message) \(values.joined(separator: " "))") }
        }
    }
}

/// A pipe of 4 KiB whose reading end does not wait.
final class SmallPipe: Sendable {
    let readingEnd: Int32
    let writingEnd: Int32

    init() {
        var ends: [Int32] = [0, 0]
        precondition(pipe(&ends) == 0)
        (readingEnd, writingEnd) = (ends[0], ends[1])
        _ = fcntl(writingEnd, 1031 /* F_SETPIPE_SZ */, 4096)
        _ = fcntl(readingEnd, F_SETFL, O_NONBLOCK)
    }

    /// Reads until `count` bytes are there or five seconds are over.
    func read(_ count: Int, step: Int = 1000) async -> [UInt8] {
        await readAll(from: readingEnd, count, step: step)
    }
}

func readAll(from descriptor: Int32, _ count: Int, step: Int = 1000) async -> [UInt8] {
    var bytes: [UInt8] = []
    var part = [UInt8](repeating: 0, count: step)
    for _ in 0..<5000 where bytes.count < count {
        let got = read(descriptor, &part, min(step, count - bytes.count))
        if got > 0 { bytes += part[..<got] } else { try? await Task.sleep(for: .milliseconds(1)) }
    }
    return bytes
}

/// A directory of the test's own, gone with this value.
final class TemporaryDirectory: Sendable {
    let path: String

    /// - Parameter isInMemory: where waiting for the disk costs nothing, if there is such a place.
    init(isInMemory: Bool = false) throws {
        let memory = URL(filePath: "/dev/shm")
        let isThere = isInMemory && FileManager.default.isWritableFile(atPath: memory.path)
        let parent = isThere ? memory : FileManager.default.temporaryDirectory
        path = parent.appending(path: "delivery-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit {
        try? FileManager.default.removeItem(atPath: path)
    }

    func file(_ name: String) -> String { path + "/" + name }

    func text(_ name: String) throws -> String {
        try String(contentsOfFile: file(name), encoding: .utf8)
    }
}

/// Waits for a condition, at least thirty seconds.
func eventually(_ condition: @Sendable () async throws -> Bool) async rethrows -> Bool {
    for _ in 0..<30_000 {
        if try await condition() { return true }
        try? await Task.sleep(for: .milliseconds(1))
    }
    return false
}
