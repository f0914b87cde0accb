import EndToEndSupport
import Foundation
import Testing

@Suite struct SandboxProcessTests {
    @Test("A killed sandbox comes back on its port with its store, or with a newer one", .timeLimit(.minutes(2)))
    func comesBack() async throws {
        let sandbox = try await SandboxProcess(["--users", "3"], keepsStore: true)
        try await sandbox.load(count: 300, rate: 0)
        try await sandbox.loadIsDone(within: .seconds(20))
        let before = try await sandbox.ledger()
        let tokens = try await sandbox.accessTokens()
        try await sandbox.restart(sameStore: true)
        #expect(try await sandbox.ledger() == before)
        #expect(try await sandbox.accessTokens() == tokens)
        try await sandbox.load(count: 100, rate: 1_000)
        try await sandbox.loadIsDone(within: .seconds(20))
        let after = try await sandbox.ledger()
        #expect(after.count == 400)
        #expect(after.map(\.mid) == after.map(\.mid).sorted() && Set(after.map(\.mid)).count == 400)
        #expect(after.last?.number == 400)
        try await sandbox.restart(sameStore: false)
        try await sandbox.load(count: 10, rate: 0)
        try await sandbox.loadIsDone(within: .seconds(20))
        let newest = try await sandbox.ledger()
        #expect(newest.count == 410 && newest.last?.number == 410)
        #expect(try #require(newest.last?.mid.prefix(10)) > (try #require(before.last?.mid.prefix(10))))
        #expect(newest.last?.mid.hasSuffix("0000000000000010") == true)
        #expect(newest.allSatisfy { $0.at > 1_000_000_000_000_000 && $0.channels.count == 1 })
    }

    @Test("Every fault and figure is known to the sandbox", .timeLimit(.minutes(1)))
    func orders() async throws {
        let sandbox = try await SandboxProcess(["--rest-limit", "user", "--retention", "20", "--server-version", "5"])
        try await sandbox.pingWindow(0.5)
        try await sandbox.subscribeRace(0.5)
        try await sandbox.outOfOrder(0.5)
        try await sandbox.chaos(cutEvery: 0)
        try await sandbox.loseStore()
        try await sandbox.counterBack(by: 3)
        try await sandbox.endChannels(in: 5)
        for variant in [
            "documented", "older", "deleted", "newest", "foreign", "unknown-id", "capitals", "broken-params",
            "no-params",
        ] {
            try await sandbox.channelExpire(variant)
        }
        try await sandbox.service("config_expire")
        try await sandbox.configUnavailable(for: 1)
        try await sandbox.blockUpgrades(.drop)
        try await sandbox.blockUpgrades(nil)
        try await sandbox.blockPolls(.hang)
        try await sandbox.silentAfterAccept(true)
        try await sandbox.slowAccept(seconds: 0)
        try await sandbox.measurePongs(every: 0)
        try await sandbox.fault("clear")
        #expect(try await sandbox.holes().droppedAtPing == 0)
        #expect(try await sandbox.pongs().count == 0)
        #expect(try await sandbox.polls().highest == 0)
        #expect(try await sandbox.upgrades().open == 0)
        #expect(try await sandbox.restRate().calls == 0)
        #expect(try await sandbox.acknowledgements().isEmpty)
        try await sandbox.stopLoad()
        try await sandbox.resetFigures()
    }
}
