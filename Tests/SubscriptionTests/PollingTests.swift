import EndToEndSupport
import Events
import Foundation
import Journal
import Synchronization
import Testing

@testable import Subscription

/// Poll loops against servers that cannot be reached, and against those that do not hold polls.
@Suite(.serialized) struct PollingTests {
    @Test("A session whose poll finds no connection is never live, and stores no contact", arguments: [false, true])
    func unreachable(isHeardOfBefore: Bool) async throws {
        let port = try HangingPort()
        let stage = try Stage {
            $0.hasWebSocket = false
            $0.pollPort = port.port
        }
        let contact = Date().timeIntervalSince1970 - 200_000
        if isHeardOfBefore {
            var entry = JournalEntry(portal: "acme")
            entry.lastContact = contact
            try await stage.journal.append(entry)
        }
        // Twenty times the time that proves a poll.
        try await stage.run(connectTimeout: .seconds(1)) { running in
            let isWaiting = await eventually {
                if case .waiting(let cause)? = running.statuses.last { cause.contains("connect") } else { false }
            }
            #expect(isWaiting)
            #expect(!running.statuses.wasLive)
            let hasBeenLive = await running.session.hasBeenLive
            #expect(!hasBeenLive)
        }
        #expect(stage.journal.entries.compactMap(\.lastContact) == (isHeardOfBefore ? [contact] : []))
        #expect(stage.journal.gaps.isEmpty)
        // Once it is reached, it is a return after more than a day.
        stage.server.change { $0.pollPort = nil }
        try await stage.run { running in
            await live(running)
            #expect(await eventually { stage.journal.gaps.count == (isHeardOfBefore ? 1 : 0) })
        }
        #expect(stage.server.now.asked.first == (isHeardOfBefore ? "poll ab 0" : "poll ab none"))
    }

    @Test("An audit whose poll finds no connection confirms nothing")
    func unreachableAudit() async throws {
        let stage = try Stage { $0.hasWebSocket = false }
        var rules = Stage.rules
        rules.auditAfterMessages = 1
        try await stage.run(start: .retained, rules: rules, connectTimeout: .seconds(1)) { running in
            stage.server.publish(1...1)
            await live(running)
            let isPending = await eventually { stage.server.now.asked.count == 2 }
            #expect(isPending)
            try stage.server.hang()
            // Ends the poll that is pending, and the next one is an audit.
            stage.server.publish(2...2)
            let isWaiting = await eventually { !running.isLive }
            #expect(isWaiting)
        }
        let positions = stage.journal.entries.compactMap(\.position)
        #expect(positions.last?.newest?.counter == 2)
        #expect(positions.allSatisfy { $0.safe == .zero }, "\(positions)")
    }

    @Test("A server that answers at once that there is nothing is asked after growing pauses, and its messages come")
    func instantAnswers() async throws {
        let stage = try Stage {
            $0.hasWebSocket = false
            $0.refusesPolls = 304
        }
        try await stage.run { running in
            await live(running)
            let took = await ContinuousClock().measure {
                #expect(await eventually { stage.server.now.asked.count >= 3 })
            }
            #expect(took > .milliseconds(2800))
            stage.server.change { $0.refusesPolls = nil }
            stage.server.publish(1...2)
            await delivers(stage, [1, 2])
        }
    }
}
