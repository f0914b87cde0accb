import Foundation
import Synchronization

/// How much memory a process has had, over time: `VmRSS` of `/proc/PID/status`, which costs it nothing.
public final class MemorySeries: Sendable {
    public struct Sample: Sendable, Hashable {
        /// Since the series began.
        public var time: Duration
        public var residentBytes: Int
    }

    private final class Store: Sendable {
        let samples = Mutex<[Sample]>([])
        let isOver = Atomic<Bool>(false)
    }

    private let store = Store()

    /// Looks once in `interval`, until the process ends or the value goes away.
    public init(of pid: pid_t, every interval: Duration = .milliseconds(100)) {
        let store = store
        let pause = UInt32(clamping: Int(interval / .microseconds(1)))
        Thread.detachNewThread {
            let start = ContinuousClock.now
            while !store.isOver.load(ordering: .relaxed), let bytes = Self.residentBytes(of: pid) {
                store.samples.withLock { $0.append(Sample(time: start.duration(to: .now), residentBytes: bytes)) }
                usleep(pause)
            }
        }
    }

    deinit { store.isOver.store(true, ordering: .relaxed) }

    public var samples: [Sample] { store.samples.withLock { $0 } }

    /// The most from `time` on. 0 without a sample.
    public func most(from time: Duration = .zero) -> Int {
        samples.lazy.filter { $0.time >= time }.map(\.residentBytes).max() ?? 0
    }

    /// By how much the most after `time` exceeds what there was at that moment.
    public func growth(after time: Duration) -> Int {
        guard let before = samples.last(where: { $0.time <= time }) ?? samples.first else { return 0 }
        return max(0, most(from: time) - before.residentBytes)
    }

    /// Nil when there is no such process, or it is dead and not yet reaped.
    public static func residentBytes(of pid: pid_t) -> Int? {
        guard let file = FileHandle(forReadingAtPath: "/proc/\(pid)/status"),
            let text = (try? file.readToEnd()).map({ String(decoding: $0, as: UTF8.self) }),
            let line = text.split(separator: "\n").first(where: { $0.hasPrefix("VmRSS:") })
        else { return nil }
        return line.split(whereSeparator: { $0 == " " || $0 == "\t" }).dropFirst().first
            .flatMap { Int($0) }.map { $0 * 1024 }
    }
}
