import Subscription
import Synchronization
import Testing

@testable import Daemon

@Suite struct ReadinessTests {
    /// A notify socket that collects what it is sent.
    private final class Manager {
        let path = "@pulld-readiness-\(UInt64.random(in: 1 ... .max))"
        private let receiver: DatagramReceiver

        init() throws { receiver = try DatagramReceiver(path: path) }

        var messages: [String] { receiver.waiting }
    }

    private final class Counter: Sendable {
        let count = Atomic<Int>(0)
    }

    @Test("One portal: ready once it is live, and once only")
    func single() throws {
        let manager = try Manager()
        let counter = Counter()
        let readiness = Readiness(portals: ["acme"], notify: NotifySocket(path: manager.path)) {
            counter.count.add(1, ordering: .relaxed)
        }
        readiness.update("acme", .waiting("dns: no such name"))
        readiness.update("acme", .live(.webSocket))
        readiness.update("acme", .waiting("lost"))
        readiness.update("acme", .live(.webSocket))
        #expect(
            manager.messages == [
                "STATUS=0 of 1 portals live; acme: dns: no such name",
                "READY=1\nSTATUS=1 of 1 portals live",
                "STATUS=0 of 1 portals live; acme: lost",
                "STATUS=1 of 1 portals live",
            ])
        #expect(counter.count.load(ordering: .relaxed) == 1)
    }

    @Test("Several portals: ready when each is live or has told its failure, and one at least is live")
    func several() throws {
        let manager = try Manager()
        let readiness = Readiness(portals: ["a", "b", "c"], notify: NotifySocket(path: manager.path)) {}
        readiness.update("a", .waiting("x"))
        readiness.update("b", .waiting("y"))
        readiness.update("c", .waiting("z"))
        #expect(!manager.messages.contains { $0.hasPrefix("READY") })
        readiness.update("c", .live(.longPolling))
        #expect(manager.messages.last == "READY=1\nSTATUS=1 of 3 portals live; a: x")
    }

    @Test("A reload is told with its end, and why it failed stays in the status until the next one")
    func reload() throws {
        let manager = try Manager()
        let readiness = Readiness(portals: ["a"], notify: NotifySocket(path: manager.path)) {}
        // Nobody waits for it yet.
        readiness.reloadBegins()
        readiness.reloadEnds(trouble: "reload failed")
        #expect(manager.messages == ["STATUS=0 of 1 portals live; reload failed"])
        readiness.update("a", .live(.webSocket))
        readiness.reloadBegins()
        readiness.reloadEnds(trouble: "reload failed at noon")
        readiness.update("a", .waiting("lost"))
        readiness.update("a", .live(.webSocket))
        readiness.reloadBegins()
        readiness.set(["a", "b"], beginning: ["b"])
        readiness.reloadEnds(trouble: nil)
        let messages = manager.messages.dropFirst().map { $0.replacing(#/MONOTONIC_USEC=[0-9]+/#, with: "…") }
        #expect(
            messages == [
                "READY=1\nSTATUS=1 of 1 portals live; reload failed", "RELOADING=1\n…\nSTATUS=reloading",
                "READY=1\nSTATUS=1 of 1 portals live; reload failed at noon",
                "STATUS=0 of 1 portals live; a: lost; reload failed at noon",
                "STATUS=1 of 1 portals live; reload failed at noon", "RELOADING=1\n…\nSTATUS=reloading",
                "STATUS=1 of 2 portals live; reload failed at noon", "READY=1\nSTATUS=1 of 2 portals live",
            ])
    }

    @Test("A portal that is still starting keeps the daemon from being ready, until it is removed")
    func removal() throws {
        let manager = try Manager()
        let readiness = Readiness(portals: ["a", "b"], notify: NotifySocket(path: manager.path)) {}
        readiness.update("a", .live(.webSocket))
        #expect(!manager.messages.contains { $0.hasPrefix("READY") })
        readiness.set(["a"], beginning: [])
        #expect(manager.messages.last == "READY=1\nSTATUS=1 of 1 portals live")
    }

    @Test("A status is one line, whatever is in it")
    func oneLine() throws {
        let manager = try Manager()
        NotifySocket(path: manager.path).status("a\nREADY=1\r\nb")
        #expect(manager.messages == ["STATUS=a READY=1 b"])
    }

    @Test(
        "Without a socket, or with one that nobody listens on, nothing happens", arguments: [nil, "", "x", "/no/where"])
    func nobody(path: String?) {
        NotifySocket(path: path).ready(status: "s")
    }
}
