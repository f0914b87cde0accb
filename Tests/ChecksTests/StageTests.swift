import Addresses
import Events
import Secrets
import Settings
import Testing

@testable import Checks
@testable import Journal
@testable import Portal
@testable import PullProtocol
@testable import Transport

private let portal = PortalSettings(
    name: "acme", url: "https://acme.example", access: .webhook(.environment("W")))

private func words(_ findings: [Finding]) -> [String] {
    findings.map { "\($0.stage.rawValue) \($0.outcome.word)" }
}

@Suite struct ConnectionStagesTests {
    private func findings(_ probe: ConnectionProbe, usesProxy: Bool = false) throws -> [Finding] {
        let address = try #require(WebAddress("https://acme.example"))
        return ConnectionStages.findings(probe, address, usesProxy: usesProxy, now: 1_000_000)
    }

    @Test(
        "What was reached before the fault is good",
        arguments: [
            (.dns, ["dns failed"]), (.connect, ["dns ok", "tcp failed"]), (.tls, ["dns ok", "tcp ok", "tls failed"]),
        ] as [(TransportError.Stage, [String])])
    func reached(stage: TransportError.Stage, expected: [String]) throws {
        let all = try findings(ConnectionProbe(error: TransportError(stage: stage, message: "m", isTimeout: true)))
        #expect(words(all) == expected)
        #expect(all.allSatisfy { !$0.hasFailed || !$0.cure.isEmpty })
    }

    @Test("A proxy stands in the place of name and connection")
    func proxy() throws {
        #expect(words(try findings(ConnectionProbe(), usesProxy: true)) == ["proxy ok", "tls ok"])
        let error = TransportError(stage: .proxy, message: "m", cure: "c")
        var probe = ConnectionProbe(error: error)
        probe.isProxied = true
        #expect(words(try findings(probe)) == ["proxy failed"])
        // The name is looked up by the proxy, or is the proxy's own.
        #expect(words(try findings(ConnectionProbe(error: error), usesProxy: true)) == ["proxy failed"])
    }

    @Test("A certificate is worth a warning 14 days before its end", arguments: [(14.1, "ok"), (13.9, "warning")])
    func certificate(days: Double, word: String) throws {
        var probe = ConnectionProbe()
        probe.certificateEnd = 1_000_000 + Int64(days * 86_400)
        #expect(try findings(probe).last?.outcome.word == word)
    }

    @Test("Plain http to this machine has no TLS to look at")
    func plain() throws {
        let address = try #require(WebAddress("http://127.0.0.1:8800"))
        let all = ConnectionStages.findings(ConnectionProbe(), address, usesProxy: false, now: 0)
        #expect(words(all) == ["dns ok", "tcp ok", "tls skipped"])
    }

    @Test("A webhook whose place is forbidden is a matter of the file")
    func forbidden() {
        let error = TransportError(stage: .connect, message: "m", isForbiddenDestination: true)
        let finding = ConnectionStages.finding(
            .target, ConnectionProbe(error: error), place: "p", isTLS: false, now: 0)
        #expect(finding.outcome == .failed(.configuration))
    }
}

@Suite struct PortalAnswerTests {
    private func findings(_ code: String, status: Int) -> [Finding] {
        let error = RESTError(code: code, explanation: "x", status: status)
        return PortalAnswer.findings(
            PortalError(rest: error, policy: RESTPolicy.of(error)), hadToken: true, took: .milliseconds(5))
    }

    @Test(
        "The portal's word decides which stage failed, and how",
        arguments: [
            ("expired_token", "token", 77), ("no_auth_found", "token", 77), ("wrong_auth_type", "token", 77),
            ("insufficient_scope", "scope", 77), ("server_error", "config", 69),
            ("error_method_not_found", "config", 69), ("query_limit_exceeded", "rest", 69), ("http_302", "rest", 69),
            ("portal_deleted", "rest", 69), ("something_new", "rest", 69),
        ] as [(String, String, Int32)])
    func stage(code: String, stage: String, exit: Int32) {
        let all = findings(code, status: 403)
        #expect(all.last?.stage.rawValue == stage)
        #expect(CheckReport(file: "", findings: all).exitCode == exit)
        #expect(all.dropLast().allSatisfy { $0.outcome == .ok })
        #expect(all.filter { $0.duration != nil }.count == 1)
        #expect(all.last?.cure.isEmpty == false)
    }

    private func configuration(version: Int = 4, webSocket: Bool = true, polling: Bool = true) -> PullConfiguration {
        PullConfiguration(
            version: version, webSocketURL: webSocket ? "wss://rt.example/subws/" : nil,
            longPollingURL: polling ? "https://rt.example/sub/" : nil, earliestEnd: 0)
    }

    @Test("A configuration is good when the file's transport is in it")
    func transports() {
        var settings = portal
        #expect(
            words(PortalAnswer.findings(configuration(), settings, token: "accepted", took: nil)).last == "config ok")
        #expect(
            words(PortalAnswer.findings(configuration(webSocket: false), settings, token: "accepted", took: nil)).last
                == "config ok")
        settings.transport = .websocket
        let refused = PortalAnswer.findings(configuration(webSocket: false), settings, token: "accepted", took: nil)
            .last
        #expect(refused?.outcome == .failed(.unavailable))
        #expect(refused?.cure == "set transport: auto")
    }

    @Test("JSON-RPC and a switched-off server are failures, as the daemon has them")
    func unusable() {
        #expect(
            PortalAnswer.findings(configuration(version: 5), portal, token: "accepted", took: nil).last?.cure.contains(
                "json_rpc") == true)
        var off = configuration()
        off.isEnabled = false
        #expect(PortalAnswer.findings(off, portal, token: "accepted", took: nil).last?.hasFailed == true)
    }
}

@Suite struct ChannelStagesTests {
    private func configuration(_ channels: [(ChannelKind, Int64)]) throws -> PullConfiguration {
        PullConfiguration(
            version: 4,
            channels: try channels.map { kind, end in
                Channel(kind: kind, id: try #require(ChannelID(String(repeating: "a", count: 32))), end: end)
            }, earliestEnd: 0)
    }

    @Test(
        "None of the wanted channels, or one that has ended, is a failure; one that is missing a warning",
        arguments: [
            ([(.private, 2000), (.shared, 2000)], "ok"), ([(.private, 2000)], "warning"), ([], "failed"),
            ([(.private, 2000), (.shared, 900)], "failed"),
        ] as [([(ChannelKind, Int64)], String)])
    func channels(channels: [(ChannelKind, Int64)], word: String) throws {
        let finding = ChannelStages.channels(
            try configuration(channels), wanted: [.private, .shared], portalTime: 1000)
        #expect(finding.outcome.word == word)
    }

    @Test("A channel that is not wanted does not count")
    func unwanted() throws {
        let finding = ChannelStages.channels(
            try configuration([(.private, 2000), (.shared, 900)]), wanted: [.private], portalTime: 1000)
        #expect(finding.outcome == .ok)
    }

    @Test(
        "Clocks that differ by minutes are worth a warning, and a failure where signatures would be refused",
        arguments: [
            (0, true, "ok"), (29, true, "ok"), (31, true, "warning"), (-299, true, "warning"), (301, false, "warning"),
            (301, true, "failed"), (-301, true, "failed"),
        ] as [(Double, Bool, String)])
    func clock(skew: Double, signs: Bool, word: String) {
        #expect(ChannelStages.clock(skew: skew, signs: signs).outcome.word == word)
    }
}

@Suite struct WayFindingsTests {
    private let good = WayResult.good(took: nil)
    private let bad = WayResult.bad(message: "no", cure: "c", took: nil)
    private let both = EventResult.arrived([.webSocket, .longPoll], took: .milliseconds(3), isSecond: false)

    private func words(
        by transport: PortalSettings.Transport = .auto, _ webSocket: WayResult?, _ poll: WayResult?,
        _ event: EventResult
    ) -> [String] {
        var results: [PushWay: WayResult] = [:]
        results[.webSocket] = webSocket
        results[.longPoll] = poll
        return WayFindings(transport: transport, offersLongPolling: true).of(results, event).map(\.outcome.word)
    }

    @Test("Where the file leaves the choice, one way is enough and the other is worth a warning")
    func oneIsEnough() {
        #expect(words(good, good, both) == ["ok", "ok", "ok"])
        let polled = EventResult.arrived([.longPoll], took: .zero, isSecond: false)
        #expect(words(bad, good, polled) == ["warning", "ok", "ok"])
        #expect(words(good, bad, .arrived([.webSocket], took: .zero, isSecond: true)) == ["ok", "warning", "ok"])
        #expect(words(bad, bad, .notSent("")) == ["failed", "failed", "skipped"])
    }

    @Test("Where it does not, the one that it names has to work")
    func named() {
        #expect(words(by: .websocket, bad, nil, .notSent("")) == ["failed", "skipped", "skipped"])
        #expect(words(by: .longPolling, nil, bad, .notSent("")) == ["skipped", "failed", "skipped"])
    }

    @Test("A way that agreed and did not bring what the other one brought is bad")
    func silent() {
        #expect(words(good, good, .arrived([.webSocket], took: .zero, isSecond: false)) == ["ok", "warning", "ok"])
        #expect(words(good, good, .arrived([.longPoll], took: .zero, isSecond: false)) == ["warning", "ok", "ok"])
        #expect(words(good, good, .lost(after: .seconds(15))) == ["ok", "ok", "failed"])
    }
}

@Suite struct StateStageTests {
    private func word(_ change: (inout StateInspection) -> Void) -> String {
        var inspection = StateInspection()
        inspection.exists = true
        inspection.mode = 0o700
        inspection.freeBytes = 10 << 30
        change(&inspection)
        return StateStage.finding(inspection, directory: "/d", journalSize: 1 << 30).outcome.word
    }

    @Test("A directory open to others and a small disk are worth a warning, a full one is a failure")
    func findings() {
        #expect(word { _ in } == "ok")
        #expect(word { $0.mode = 0o750 } == "warning")
        #expect(word { $0.freeBytes = 1 << 29 } == "warning")
        #expect(word { $0.freeBytes = 1 << 20 } == "failed")
        #expect(word { ($0.freeBytes, $0.size) = (1 << 29, 3 << 28) } == "ok")
    }
}
