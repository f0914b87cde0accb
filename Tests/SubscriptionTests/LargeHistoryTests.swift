import Foundation
import Testing

@testable import Subscription

/// A history is one message of a WebSocket, however large it is and however long it takes.
@Suite(.serialized) struct LargeHistoryTests {
    /// Half a megabyte, of which 300,000 bytes come at first.
    private static let messages: ClosedRange<UInt64> = 1...5000

    private func stage() throws -> Stage {
        let stage = try Stage {
            $0.depth = .max
            $0.historyPause = 300_000
        }
        stage.server.publish(Self.messages, silent: true)
        return stage
    }

    @Test("What has come of it is delivered before the rest is there")
    func front() async throws {
        let stage = try stage()
        try await stage.run(start: .retained) { running in
            let isFrontThere = await eventually { stage.journal.delivered.count > 2000 }
            #expect(isFrontThere)
            #expect(stage.journal.delivered.count < 4000)
            #expect(stage.server.now.asked == ["ws ab 0"])
            stage.server.change { $0.historyPause = nil }
            await delivers(stage, Array(Self.messages))
            await live(running)
        }
        #expect(stage.journal.gaps == [])
    }

    @Test("When it is cut, what has come of it is kept, and the rest is asked for again")
    func cut() async throws {
        let stage = try stage()
        try await stage.run(start: .retained) { _ in
            let isFrontThere = await eventually { stage.journal.delivered.count > 2000 }
            #expect(isFrontThere)
            stage.server.cut()
            stage.server.change { $0.historyPause = nil }
            await delivers(stage, Array(Self.messages))
        }
        #expect(stage.journal.gaps == [])
    }

    @Test("An audit by a second WebSocket waits for a history that is on its way")
    func slowAudit() async throws {
        let stage = try Stage { $0.hasLongPolling = false }
        var rules = Stage.rules
        rules.auditAfterConnect = 0.3...0.4
        try await stage.run(start: .retained, rules: rules) { running in
            await live(running)
            stage.server.change { $0.historyPause = 10 }
            stage.server.publish(1...1)
            await delivers(stage, [1])
            stage.server.publish(2...2, silent: true)
            let isAsked = await eventually { stage.server.now.asked.last == "ws ab 0" }
            #expect(isAsked)
            // Longer than an audit waits for an answer that does not begin.
            try await Task.sleep(for: .seconds(4))
            stage.server.change { $0.historyPause = nil }
            await delivers(stage, [1, 2])
        }
    }
}
