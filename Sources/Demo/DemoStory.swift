import Events
import Sandbox

/// What happens on the portal's side, scene by scene. Each scene waits for what it needs to have happened, so that it
/// is the same on a slow machine.
struct DemoStory {
    /// How long one thing may take before the story is broken off.
    private static let patience = Duration.seconds(20)

    private let options: DemoOptions
    private let sandbox: Sandbox
    private let screen: DemoScreen
    private let sink: DemoSink
    private let clock = ContinuousClock()

    init(options: DemoOptions, sandbox: Sandbox, screen: DemoScreen, sink: DemoSink) {
        self.options = options
        self.sandbox = sandbox
        self.screen = screen
        self.sink = sink
    }

    /// Publishes on the options' schedule.
    private struct Press {
        var samples: SampleEvents
        var interval: Duration
        var due: ContinuousClock.Instant
        var published: Set<MessageID> = []
        var count = 0
    }

    /// Something did not happen in time: the story breaks off, and the comparison shows what it cost.
    private struct OutOfPatience: Error {}

    /// - Returns: what has been published.
    func play(port: UInt16) async throws -> Set<MessageID> {
        var press = Press(
            samples: SampleEvents(seed: options.seed), interval: .seconds(1 / options.rate), due: clock.now)
        do {
            try await scenes(port: port, with: &press)
        } catch is OutOfPatience {}
        // A second copy of something may still lie in the push server's collecting window: let it come and be counted.
        try await clock.sleep(for: .seconds(sandbox.options.flushWindow * 3))
        screen.end()
        return press.published
    }

    private func scenes(port: UInt16, with press: inout Press) async throws {
        let total = options.events
        screen.scene("1. Subscribing")
        screen.say(.portal, "listens on 127.0.0.1:\(port), REST and push server")
        try await wait("pulld is connected") { !sandbox.connections.isEmpty }
        press.due = clock.now
        try await publish(total * 7 / 20, with: &press)

        try await catchUp(press)
        screen.scene("2. The portal replaces its channels")
        try await replaceChannels(total * 5 / 20, with: &press)
        try await publish(total * 3 / 20, with: &press)

        try await catchUp(press)
        screen.scene("3. The connection breaks")
        try await breakConnection(max(3, total / 10), with: &press)
        try await publish(total - press.count, with: &press)
        try await catchUp(press)
    }

    /// Events go to the new channels at once. Those that come before pulld has found out are waiting for it there.
    private func replaceChannels(_ count: Int, with press: inout Press) async throws {
        let old = Set(sandbox.connections.map(\.id))
        let isSwitched = { sandbox.connections.contains { !old.contains($0.id) } }
        sandbox.rotateNow()
        screen.say(.portal, "gives both channels new ids and publishes there from now on")
        for _ in 0..<count {
            if !isSwitched() { screen.remark("waited", onEvent: press.count + 1) }
            try await publish(1, with: &press)
        }
        try await wait("pulld is on the new channels") { isSwitched() && sink.hasReceived(press.published) }
        // The scene ends with the old connection.
        try await wait("the old connection is closed") { old.isDisjoint(with: sandbox.connections.map(\.id)) }
        press.due = clock.now.advanced(by: press.interval)
    }

    /// What is published while the line is down comes with the next connection, from the push server's history.
    private func breakConnection(_ count: Int, with press: inout Press) async throws {
        sandbox.cut()
        for number in press.count + 1...press.count + count {
            screen.remark("recovered", onEvent: number)
        }
        screen.say(.socket, "the connection is cut, without a good-bye", isTrouble: true)
        press.due = clock.now
        for _ in 0..<count { publishNow(&press) }
        screen.say(.portal, "publishes \(count) events meanwhile")
        try await catchUp(press)
        press.due = clock.now.advanced(by: press.interval)
    }

    private func publish(_ count: Int, with press: inout Press) async throws {
        for _ in 0..<count {
            try await clock.sleep(until: press.due, tolerance: .zero)
            publishNow(&press)
            press.due += press.interval
        }
    }

    private func publishNow(_ press: inout Press) {
        press.count += 1
        let sample = press.samples.next(press.count)
        let id = sandbox.publish(
            command: sample.command, params: sample.params.serialized(), module: sample.module, to: sample.target)
        press.published.insert(id)
    }

    private func catchUp(_ press: Press) async throws {
        try await wait("everything published has arrived") { sink.hasReceived(press.published) }
    }

    /// Returns when it is so.
    private func wait(_ what: String, until isSo: () -> Bool) async throws {
        let deadline = clock.now.advanced(by: Self.patience)
        while !isSo() {
            guard clock.now < deadline else {
                let seconds = Self.patience.components.seconds
                screen.say(.pulld, "has not come so far within \(seconds) s: \(what)", isTrouble: true)
                throw OutOfPatience()
            }
            try await clock.sleep(for: .milliseconds(10))
        }
    }
}
