import Events
import Foundation
import Journal
import Testing

@testable import Subscription

/// What a session does when the journal, or the server, sets the pace.
@Suite(.serialized) struct SessionPaceTests {
    @Test("A session whose journal takes nothing stops promptly; what it held is asked for again by the next run")
    func stopWhileFull() async throws {
        let stage = try Stage()
        try await stage.run { running in
            await live(running)
            stage.server.publish(1...1)
            await delivers(stage, [1])
        }
        let took = try await stage.run { running in
            await live(running)
            stage.journal.isFull = true
            stage.server.publish(2...4)
            let isSaid = await eventually { stage.log.contains { $0.contains("intake is paused") } }
            #expect(isSaid)
        }
        #expect(took < .seconds(10))
        #expect(stage.journal.delivered == [1])
        stage.journal.isFull = false
        try await stage.run { _ in await delivers(stage, [1, 2, 3, 4]) }
    }

    @Test("A stop in the moment in which the journal gets full is prompt too")
    func stopAtOnceWhileFull() async throws {
        let stage = try Stage()
        let took = try await stage.run { running in
            await live(running)
            stage.journal.isFull = true
            stage.server.publish(2...4)
        }
        #expect(took < .seconds(10))
        #expect(stage.journal.delivered == [])
    }

    @Test("Intake that was paused goes on, in order, and both is said once")
    func pause() async throws {
        let stage = try Stage()
        try await stage.run { running in
            await live(running)
            stage.journal.isFull = true
            stage.server.publish(1...3)
            stage.server.publish(4...6, channel: "b")
            let isSaid = await eventually { stage.log.contains { $0.contains("intake is paused") } }
            #expect(isSaid)
            stage.server.ping()
            let isAnswered = await eventually { stage.server.now.pongs == 1 }
            #expect(isAnswered)
            try await Task.sleep(for: .milliseconds(1200))
            stage.journal.isFull = false
            await delivers(stage, [1, 2, 3, 4, 5, 6])
        }
        #expect(stage.log.count { $0.contains("intake is paused") } == 1)
        #expect(stage.log.count { $0.contains("intake goes on") } == 1)
    }

    @Test("While intake is paused nothing is connected anew, and then everything comes once")
    func cutWhileFull() async throws {
        let stage = try Stage()
        var rules = Stage.rules
        (rules.pingInterval, rules.pongLimit) = (.milliseconds(500), .milliseconds(500))
        try await stage.run(rules: rules) { running in
            await live(running)
            stage.journal.isFull = true
            stage.server.publish(1...3)
            let isSaid = await eventually { stage.log.contains { $0.contains("intake is paused") } }
            #expect(isSaid)
            let asked = stage.server.now.asked.count
            stage.server.publish(4...6, silent: true)
            stage.server.cut()
            let isNoticed = await eventually { stage.log.contains { $0.contains("silent") } }
            #expect(isNoticed)
            // Longer than a connection that was cut takes to come back.
            try await Task.sleep(for: .seconds(3))
            #expect(stage.server.now.asked.count == asked)
            stage.journal.isFull = false
            await delivers(stage, [1, 2, 3, 4, 5, 6])
        }
    }

    @Test("Who brings messages may be stopped while they wait for the journal: they are stored all the same")
    func stoppedWhileFull() async throws {
        let stage = try Stage()
        try await stage.run { running in
            await live(running)
            stage.journal.isFull = true
            let session = running.session
            let bringing = Task {
                var part = Session.UnitPart()
                let unit = Array(PushStandIn.text(of: 7).utf8)
                return await session.takeFront(
                    unit, kind: .text, after: &part, from: Session.Source(configuration: configuration()))
            }
            let isSaid = await eventually { stage.log.contains { $0.contains("intake is paused") } }
            #expect(isSaid)
            bringing.cancel()
            stage.journal.isFull = false
            #expect(await bringing.value > 0)
            stage.server.publish(8...8)
            await delivers(stage, [7, 8])
        }
    }

    @Test("A journal that takes nothing any more ends the session, and it is said")
    func brokenJournal() async throws {
        let stage = try Stage()
        try await stage.run { running in
            await live(running)
            stage.journal.fail(JournalError(code: .damaged, message: "the file is no database"))
            stage.server.publish(1...1)
            await running.task.value
            #expect(running.statuses.last == .stopped)
        }
        #expect(stage.log.count { $0.hasPrefix("critical") && $0.contains("no database") } == 1)
    }

    // MARK: JSON-RPC

    private func call(_ counter: UInt64) -> String {
        """
        {"jsonrpc":"2.0","method":"incoming.message","params":{"mid":"\(PushStandIn.mid(counter))",\
        "body":{"module_id":"m","command":"c"}}}
        """
    }

    @Test("JSON-RPC has to be allowed")
    func forbiddenJSONRPC() async throws {
        let stage = try Stage { $0.version = 5 }
        try await stage.run { running in
            let isSaid = await eventually {
                if case .waiting(let cause)? = running.statuses.last {
                    cause.contains("JSON-RPC (version 5)")
                } else {
                    false
                }
            }
            #expect(isSaid)
            #expect(stage.server.now.asked.isEmpty)
        }
        #expect(stage.log.contains { $0.contains("json_rpc: true") })
    }

    @Test(
        "Messages are acknowledged once they are on disk; a ping and a false call are answered although the journal is full"
    )
    func acknowledgements() async throws {
        let stage = try Stage { $0.version = 5 }
        try await stage.run(allowsJSONRPC: true) { running in
            await live(running)
            stage.journal.holdsCommits = true
            stage.server.send(call(1))
            await delivers(stage, [1])
            stage.journal.isFull = true
            stage.server.send("[\(call(2)),{\"jsonrpc\":\"2.0\",\"method\":\"x\",\"id\":1}]")
            let isRefused = await eventually { stage.server.now.received.contains { $0.contains("-32601") } }
            #expect(isRefused)
            stage.server.ping(isText: true)
            let isAnswered = await eventually { stage.server.now.received.contains("pong") }
            #expect(isAnswered)
            #expect(!stage.server.now.received.contains { $0.hasPrefix("mack") })
            stage.journal.isFull = false
            stage.journal.holdsCommits = false
            let expected = ["mack:\(PushStandIn.mid(1))", "mack:\(PushStandIn.mid(2))"]
            let areSent = await eventually { stage.server.now.received.filter { $0.hasPrefix("mack") } == expected }
            #expect(areSent)
        }
    }

    // MARK: Secrets

    @Test("No signed id gets into a log line")
    func redaction() async throws {
        let stage = try Stage()
        var rules = Stage.rules
        rules.auditAfterConnect = 0.01...0.02
        try await stage.run(start: .retained, rules: rules) { running in
            await live(running)
            stage.server.publish(1...1)
            await delivers(stage, [1])
            stage.server.cut()
            let isBack = await eventually { stage.server.now.asked.count { $0.hasPrefix("ws") } == 2 }
            #expect(isBack)
        }
        for id in ["a", "b"].map(PushStandIn.id) {
            #expect(!stage.log.contains { $0.contains(id.prefix(32)) || $0.contains(id.suffix(10)) })
        }
        #expect(stage.log.count > 3)
    }
}
