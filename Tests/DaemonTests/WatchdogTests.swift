import EndToEndSupport
import Synchronization
import Testing
import Timing

@testable import Daemon

@Suite(.timeLimit(.minutes(1))) struct WatchdogTests {
    /// A probe that answers while it is told to.
    private final class Part: Sendable {
        private struct State {
            var isStalled = false
            var held: [@Sendable () -> Void] = []
        }
        private let state = Mutex(State())

        func ask(_ answered: @escaping @Sendable () -> Void) {
            let answersNow = state.withLock { state in
                if state.isStalled { state.held.append(answered) }
                return !state.isStalled
            }
            if answersNow { answered() }
        }

        func stall() { state.withLock { $0.isStalled = true } }

        func goOn() {
            let held = state.withLock { state in
                defer { state = State() }
                return state.held
            }
            for answered in held { answered() }
        }
    }

    /// A watchdog with two parts, under the eyes of a manager.
    private final class Place {
        let first = Part()
        let second = Part()
        let isReady = Flag()
        private let receiver: DatagramReceiver
        private let path = "@pulld-watchdog-\(UInt64.random(in: 1 ... .max))"

        final class Flag: Sendable {
            let value = Atomic<Bool>(true)
        }

        init() throws { receiver = try DatagramReceiver(path: path) }

        func watchdog(limit: Duration?) -> Watchdog {
            Watchdog(
                limit: limit, notify: NotifySocket(path: path),
                isReady: { [isReady] in isReady.value.load(ordering: .relaxed) },
                probes: [{ [first] in first.ask($0) }, { [second] in second.ask($0) }])
        }

        var messages: [String] { receiver.waiting }

        func more(than count: Int) async throws {
            try await eventually(within: .seconds(30), "more than \(count) messages: \(messages)") {
                messages.count > count
            }
        }

        /// Runs the watchdog meanwhile.
        func with(limit: Duration?, _ body: () async throws -> Void) async throws {
            let task = Task { [watchdog = watchdog(limit: limit)] in await watchdog.run() }
            defer { task.cancel() }
            try await body()
        }
    }

    @Test("The messages come at a third to a half of the manager's limit")
    func pace() async throws {
        let place = try Place()
        let limit = Duration.milliseconds(600)
        try await place.with(limit: limit) {
            try await place.more(than: 0)
            let begin = SuspendingClock.now
            try await place.more(than: 5)
            let period = (SuspendingClock.now - begin) / 5
            #expect(period > limit / 3 - .milliseconds(20) && period < limit / 2, "\(period)")
            #expect(Set(place.messages) == ["WATCHDOG=1"])
        }
    }

    @Test("No message while one part does not answer, and again when it does", arguments: [true, false])
    func stall(isFirst: Bool) async throws {
        let place = try Place()
        let part = isFirst ? place.first : place.second
        try await place.with(limit: .milliseconds(60)) {
            try await place.more(than: 2)
            part.stall()
            // One may be on its way.
            try await Task.sleep(for: .milliseconds(100))
            let count = place.messages.count
            try await Task.sleep(for: .milliseconds(400))
            #expect(place.messages.count == count)
            part.goOn()
            try await place.more(than: count + 2)
        }
    }

    @Test("Until the daemon is ready the messages extend its start, and no watchdog runs yet")
    func start() async throws {
        let place = try Place()
        place.isReady.value.store(false, ordering: .relaxed)
        try await place.with(limit: .milliseconds(90)) {
            try await place.more(than: 2)
            #expect(Set(place.messages) == ["EXTEND_TIMEOUT_USEC=90000"])
            place.isReady.value.store(true, ordering: .relaxed)
            try await place.more(than: place.messages.count + 1)
            #expect(place.messages.last == "WATCHDOG=1")
        }
    }

    @Test("A stall does not hold up the end")
    func end() async throws {
        let place = try Place()
        place.first.stall()
        let task = Task { [watchdog = place.watchdog(limit: .milliseconds(30))] in await watchdog.run() }
        try await Task.sleep(for: .milliseconds(50))
        task.cancel()
        await task.value
        #expect(place.messages.isEmpty)
    }

    @Test(
        "The limit is the environment's, if it is meant for this process",
        arguments: [
            ("30000000", nil, Duration.seconds(30)), ("30000000", "77", .seconds(30)), ("30000000", "78", nil),
            ("30000000", "x", nil), (nil, "77", nil), ("0", "77", nil), ("-1", nil, nil), ("30s", nil, nil),
            ("99999999999999999999", nil, nil), ("", nil, nil),
        ] as [(String?, String?, Duration?)])
    func limit(microseconds: String?, process: String?, expected: Duration?) {
        let variables = ["WATCHDOG_USEC": microseconds, "WATCHDOG_PID": process].compactMapValues { $0 }
        #expect(Watchdog.limit(processID: 77) { variables[$0] } == expected)
    }

    @Test("A reload names the monotonic time of its begin")
    func reloading() throws {
        let path = "@pulld-reloading-\(UInt64.random(in: 1 ... .max))"
        let receiver = try DatagramReceiver(path: path)
        let notify = NotifySocket(path: path)
        notify.reloading(now: Moment(monotonic: .seconds(12) + .microseconds(34), wall: 5))
        notify.extendTimeout(by: .milliseconds(1500))
        notify.extendTimeout(by: .seconds(-5))
        #expect(
            receiver.waiting == [
                "RELOADING=1\nMONOTONIC_USEC=12000034\nSTATUS=reloading", "EXTEND_TIMEOUT_USEC=1500000",
                "EXTEND_TIMEOUT_USEC=0",
            ])
    }
}
