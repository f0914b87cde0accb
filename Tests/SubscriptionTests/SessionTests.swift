import Events
import Foundation
import Journal
import Testing
import WebSocket

@testable import Subscription

/// Sessions against a stand-in server on the loopback, real time. One after the other: several measure time.
@Suite(.serialized) struct SessionTests {
    // MARK: Positions and restarts

    @Test(
        "M5: the first connection asks for everything with the policy `retained`, and for nothing with `now`",
        arguments: [(StartPolicy.retained, "ws ab 0", [1, 2, 3]), (.now, "ws ab none", [3])])
    func start(policy: StartPolicy, asked: String, counters: [UInt64]) async throws {
        let stage = try Stage()
        stage.server.publish(1...2, silent: true)
        try await stage.run(start: policy) { running in
            await live(running)
            stage.server.publish(3...3)
            await delivers(stage, counters)
            #expect(stage.server.now.asked == [asked])
        }
    }

    @Test("What was live without a message asks for everything after a restart")
    func quietRestart() async throws {
        let stage = try Stage()
        try await stage.run { running in
            await live(running)
            let isStored = await eventually { stage.journal.entries.contains { $0.lastContact != nil } }
            #expect(isStored)
        }
        stage.server.publish(1...2, silent: true)
        try await stage.run { _ in await delivers(stage, [1, 2]) }
        #expect(stage.server.now.asked == ["ws ab none", "ws ab 0"])
    }

    @Test("After a restart what was sent meanwhile comes, and nothing twice", arguments: [StartPolicy.now, .retained])
    func restart(start: StartPolicy) async throws {
        let stage = try Stage()
        try await stage.run(start: start) { running in
            await live(running)
            stage.server.publish(1...5)
            await delivers(stage, [1, 2, 3, 4, 5])
        }
        let entry = try #require(stage.journal.entries.first { $0.batch != nil })
        #expect(entry.marks.count == 5)
        #expect(entry.position?.newest?.counter == 5)
        #expect(entry.position?.server == "127.0.0.1:\(stage.server.port)")
        stage.server.publish(6...7, channel: "b", silent: true)
        try await stage.run { _ in await delivers(stage, [1, 2, 3, 4, 5, 6, 7]) }
        #expect(stage.server.now.asked.last?.hasPrefix("ws ab ") == true)
        #expect(stage.server.now.asked.last != "ws ab none")
    }

    @Test("The channels of an earlier run are asked once more after they were replaced while the daemon was away")
    func formerChannels() async throws {
        let stage = try Stage()
        try await stage.run { running in
            await live(running)
            stage.server.publish(1...1)
            await delivers(stage, [1])
            let isRemembered = await eventually { stage.journal.entries.contains { $0.channels != nil } }
            #expect(isRemembered)
        }
        stage.server.publish(2...2, silent: true)
        stage.server.change { $0.channels = ["c", "d"] }
        stage.server.publish(3...3, channel: "c", silent: true)
        try await stage.run { _ in
            let areThere = await eventually { Set(stage.journal.delivered) == [1, 2, 3] }
            #expect(areThere)
        }
        #expect(stage.server.now.asked.contains { $0.hasPrefix("poll ab ") })
    }

    @Test("A stored set of channels that cannot be read is left out, and said")
    func damagedChannels() async throws {
        let stage = try Stage()
        var entry = JournalEntry(portal: "acme")
        entry.channels = [StoredChannels(isCurrent: true, since: 1, content: Array("{".utf8))]
        entry.position = StoredPosition(server: "x", legacy: "no position")
        try await stage.journal.append(entry)
        try await stage.run { running in await live(running) }
        #expect(stage.log.contains { $0.contains("stored set of channels cannot be read") })
        #expect(stage.log.contains { $0.contains("stored position cannot be used") })
    }

    @Test("While what earlier runs have left cannot be read nothing is asked for, and the stop is prompt")
    func unreadableMemory() async throws {
        let stage = try Stage()
        stage.journal.failReading(JournalError(code: .inputOutput, message: "no such luck"))
        let took = try await stage.run { running in
            #expect(await eventually { running.statuses.last == .waiting("no such luck") })
            #expect(stage.server.now.configurations == 0)
        }
        #expect(took < .seconds(10))
        #expect(stage.log.count { $0.contains("cannot be read") } == 1)
    }

    @Test("That the journal is damaged is said by whoever ends the program for it")
    func damagedMemory() async throws {
        let stage = try Stage()
        stage.journal.failReading(JournalError(code: .damaged, message: "not what was written"))
        try await stage.run { running in
            #expect(await eventually { running.statuses.last == .waiting("not what was written") })
        }
        #expect(!stage.log.contains { $0.contains("not what was written") })
    }

    // MARK: Audits

    @Test(
        "An audit finds what was stored and never sent, by long polling or by a second WebSocket",
        arguments: [true, false])
    func audit(hasLongPolling: Bool) async throws {
        let stage = try Stage { $0.hasLongPolling = hasLongPolling }
        var rules = Stage.rules
        rules.auditAfterConnect = 0.3...0.4
        try await stage.run(start: .retained, rules: rules) { running in
            await live(running)
            stage.server.publish(1...1)
            await delivers(stage, [1])
            stage.server.publish(2...2, silent: true)
            await delivers(stage, [1, 2])
        }
        #expect(stage.server.now.asked.last == (hasLongPolling ? "poll ab 0" : "ws ab 0"))
    }

    @Test("A ping of the server leads to an audit soon")
    func pingLeadsToAudit() async throws {
        let stage = try Stage()
        var rules = Stage.rules
        rules.auditAfterPing = 0.01...0.02
        try await stage.run(rules: rules) { running in
            await live(running)
            stage.server.publish(1...1)
            await delivers(stage, [1])
            stage.server.publish(2...2, silent: true)
            // After an entry for the journal the session looks around by itself, once. Then nothing else wakes it.
            try await Task.sleep(for: JournalFeed.patience * 1.5)
            stage.server.ping()
            await delivers(stage, [1, 2])
            let isAnswered = await eventually { stage.server.now.pongs == 1 }
            #expect(isAnswered)
        }
    }

    @Test("An audit that found everything moves the safe position, which is stored without any message")
    func confirmed() async throws {
        let stage = try Stage()
        var rules = Stage.rules
        rules.auditAfterConnect = 0.3...0.4
        rules.auditInterval = 0.3
        try await stage.run(start: .retained, rules: rules) { running in
            await live(running)
            stage.server.publish(1...1)
            let isSafe = await eventually {
                stage.journal.entries.last { $0.position != nil }?.position?.safe?.counter == 1
            }
            #expect(isSafe)
        }
        #expect(stage.journal.entries.first { $0.position != nil }?.position?.safe == .zero)
    }

    @Test("On long polling the audit is the loop's next poll, from the safe position")
    func auditOfPolls() async throws {
        let stage = try Stage { $0.hasWebSocket = false }
        var rules = Stage.rules
        rules.auditAfterConnect = 0.3...0.4
        rules.auditIntervalLongPolling = 0.4
        try await stage.run(start: .retained, rules: rules) { running in
            stage.server.publish(5...5)
            await live(running)
            await delivers(stage, [5])
            // Overtaken: below what the loop asks from.
            stage.server.publish(3...3, silent: true)
            var next: UInt64 = 6
            _ = await eventually {
                // Ends the poll that is pending, so that there is a next one.
                stage.server.publish(next...next)
                next += 1
                try? await Task.sleep(for: .milliseconds(100))
                return stage.journal.delivered.contains(3)
            }
            #expect(stage.journal.delivered.contains(3))
            #expect(Set(stage.journal.delivered).count == stage.journal.delivered.count)
        }
        #expect(stage.server.now.asked.allSatisfy { $0.hasPrefix("poll ab ") })
    }

    @Test("M4: more than the server gives out, sent during an outage, is a gap record with its bounds")
    func gap() async throws {
        let stage = try Stage()
        try await stage.run { running in
            await live(running)
            stage.server.publish(1...3)
            await delivers(stage, [1, 2, 3])
        }
        stage.server.publish(4...500, silent: true)
        try await stage.run { _ in
            let isRecorded = await eventually { !stage.journal.gaps.isEmpty }
            #expect(isRecorded)
        }
        let expected = """
            {"reason":"history-limit","after":"\(PushStandIn.mid(3))","before":"\(PushStandIn.mid(401))",\
            "channel":"private"}
            """
        #expect(stage.journal.gaps == [expected])
        #expect(stage.journal.delivered == [1, 2, 3] + Array(401...500))
        #expect(try stage.journal.record(of: "acme").counts.gaps == 1)
    }

    @Test("M4: a hundred and more from a server that gives out everything are no gap")
    func noGap() async throws {
        let stage = try Stage { $0.depth = 200 }
        try await stage.run { running in
            await live(running)
            stage.server.publish(1...3)
            await delivers(stage, [1, 2, 3])
        }
        stage.server.publish(4...150, silent: true)
        var rules = Stage.rules
        rules.auditAfterConnect = 0.5...0.6
        try await stage.run(rules: rules) { _ in
            await delivers(stage, Array(1...150))
            // Both channels' answers were judged, and so was a later audit.
            let isSafe = await eventually {
                stage.journal.entries.last { $0.position != nil }?.position?.safe?.counter == 150
            }
            #expect(isSafe)
        }
        #expect(stage.server.now.asked.contains("poll a 0"))
        #expect(stage.server.now.asked.contains("poll b 0"))
        #expect(stage.journal.gaps == [])
    }

    @Test("What comes right behind the history is not counted with it")
    func splitting() {
        var batch = MessageBatch()
        batch.bytes = Array("abcde".utf8)
        batch.messages = [(0, 2), (2, 3), (3, 5)].map { MessageBatch.Message(isBinary: false, start: $0.0, end: $0.1) }
        func turns(_ splitsFirst: Bool) -> [[String]] {
            batch.turns(splitsFirst: splitsFirst).map { batch in
                batch.messages.map { String(decoding: batch.bytes[$0.start..<$0.end], as: UTF8.self) }
            }
        }
        #expect(turns(true) == [["ab"], ["c", "de"]])
        #expect(turns(false) == [["ab", "c", "de"]])
        batch.messages[0].extent = .rest
        #expect(turns(false) == [["ab"], ["c", "de"]])
        batch.messages[2].extent = .front
        #expect(turns(true) == [["ab"], ["c"], ["de"]])
    }

    @Test(
        "Heartbeats go out as soon as they can come back, and never where the portal names no user",
        arguments: [7, nil] as [Int?])
    func heartbeats(user: Int?) async throws {
        let stage = try Stage { $0.user = user }
        try await stage.run(heartbeat: .milliseconds(100)) { running in
            await live(running)
            let isDecided = await eventually {
                (running.session.figures.heartbeat?.sent ?? 0) > 1
                    || stage.log.contains { $0.contains("no heartbeats") }
            }
            #expect(isDecided)
            let figures = running.session.figures.heartbeat
            #expect((figures?.firstSent != nil) == (user != nil))
            #expect(figures?.lastReturn == nil)
        }
    }

    @Test("Refused audits pause, and say so")
    func refusedAudit() async throws {
        let stage = try Stage { $0.refusesPolls = 429 }
        var rules = Stage.rules
        rules.auditAfterConnect = 0.01...0.02
        try await stage.run(start: .retained, rules: rules) { running in
            await live(running)
            let isSaid = await eventually { stage.log.contains { $0.contains("refuses audits") } }
            #expect(isSaid)
        }
        #expect(stage.server.now.asked.count == 2)
    }
}
