import EndToEndSupport
import Foundation
import Testing

extension FailureCase {
    static let all = ways + configurations + upgrades

    static let ways = [
        FailureCase(
            name: "wrong host name", fault: .certificate(.wrongHost),
            cause: "tls: the certificate is for another name", cure: "name", waits: schedule),
        FailureCase(
            name: "unknown authority", fault: .certificate(.unknownAuthority),
            cause: "tls: the certificate of localhost is from an unknown authority", cure: "ca_file",
            waits: schedule),
        FailureCase(
            name: "expired certificate", fault: .certificate(.expired),
            cause: "tls: the certificate of localhost is expired", cure: "renew", waits: schedule),
        FailureCase(
            name: "proxy that is down", fault: .proxyDown, cause: "proxy: ", cure: "proxy", waits: schedule),
        FailureCase(
            name: "proxy that wants a password",
            fault: .proxyAnswers("407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=\"x\""),
            cause: "proxy: ", cure: "password", waits: schedule),
        FailureCase(
            name: "name that does not exist", fault: .unknownName, cause: "dns: the name portal.invalid",
            cure: "name", waits: schedule),
    ]

    static let configurations = [
        FailureCase(
            name: "plain ws:// to another machine", fault: .configurationBody(plainAddresses),
            cause: "plain ws/http", cure: "secure addresses", waits: after(600)),
        FailureCase(
            name: "C4: no channels", fault: .configuration(vector: "C4"), cause: "names no channel",
            cure: "application", waits: after(60)),
        FailureCase(
            name: "C7: switched off", fault: .configuration(vector: "C7"), cause: "switched off",
            cure: "Push and Pull", waits: after(600)),
        FailureCase(
            name: "C8: not configured", fault: .configuration(vector: "C8"), cause: "not configured",
            cure: "Push and Pull", waits: after(600)),
        FailureCase(
            name: "C9: wrong kind of authorisation", fault: .configuration(vector: "C9-wrong-auth"),
            cause: "WRONG_AUTH_TYPE", cure: "application", waits: after(3600)),
        FailureCase(
            name: "C9: expired token", fault: .configuration(vector: "C9-expired"), cause: "expired_token",
            cure: "access token", waits: after(3600)),
        FailureCase(
            name: "C9: portal without its authorisation server", fault: .configuration(vector: "C9-connection"),
            cause: "CONNECTION_ERROR", cure: "Wait", waits: schedule),
        FailureCase(
            name: "C10: no client id", fault: .configuration(vector: "C10"), cause: "client id", cure: "Register",
            waits: after(600)),
        FailureCase(
            name: "C13: a list", fault: .configuration(vector: "C13-list"), cause: "no push configuration",
            cure: "address", waits: after(60)),
        FailureCase(
            name: "C13: false", fault: .configuration(vector: "C13-false"), cause: "no push configuration",
            cure: "address", waits: after(60)),
        FailureCase(
            name: "C13: null", fault: .configuration(vector: "C13-null"), cause: "no push configuration",
            cure: "address", waits: after(60)),
        FailureCase(
            name: "C13: a page for people", fault: .configuration(vector: "C13-text"), cause: "not JSON",
            cure: "address", waits: schedule),
    ]

    static let upgrades =
        [400, 403, 404].map { refusedUpgrade($0, waits: refetches) }
        + [refusedUpgrade(503, waits: reconnects), refusedUpgrade(429, waits: [60...72])]

    private static func refusedUpgrade(_ status: Int, waits: [ClosedRange<Double>]) -> FailureCase {
        FailureCase(
            name: "upgrade refused with \(status)", fault: .refusedUpgrade(status: status), cause: "upgrade: ",
            cure: "", waits: waits, message: notConnected)
    }

    private static let plainAddresses = """
        {"result":{"server":{"version":4,"server_enabled":true,"mode":"personal","websocket_enabled":true,\
        "long_polling":"http://push.example/sub/","websocket":"ws://push.example/subws/","websocket_secure":"",\
        "long_pooling_secure":""},"channels":{"private":{"id":"\(String(repeating: "a", count: 32)).\
        \(String(repeating: "b", count: 40))","start":"2026-01-01T00:00:00+00:00","end":"2099-01-01T00:00:00+00:00",\
        "type":"private"}},"publicChannels":false}}
        """
}

private enum Failures {
    static let all = Together(FailureCase.all) { try await $0.watch() }
}

extension EndToEnd {
    @Suite struct FailureTests {
        @Test("Each failure ends in one line an attempt, with stage, cause, cure and wait", arguments: FailureCase.all)
        func oneLine(failure: FailureCase) async throws {
            let outcome = try await Failures.all.outcome(of: failure)
            let lines = outcome.troubles
            for (number, line) in lines.enumerated() {
                #expect(line.message == failure.message, "\(line)")
                #expect(line.cause.lowercased().contains(failure.cause.lowercased()), "\(line)")
                let stage = #/(dns|connect|proxy|tls|http|upgrade|rest|configuration): /#
                #expect(line.cause.prefixMatch(of: stage) != nil, "no stage in \(line)")
                #expect(!line.cure.isEmpty && (failure.cure.isEmpty || line.cure.contains(failure.cure)), "\(line)")
                let expected = failure.waits[min(number, failure.waits.count - 1)]
                let wait = try #require(line.retryIn, "\(line)")
                let rounding = FailureCase.rounding
                #expect((expected.lowerBound - rounding...expected.upperBound + rounding).contains(wait), "\(line)")
            }
            #expect(!outcome.wasReady)
            #expect(outcome.status.contains("0 of 1 portals live; acme: "), "\(outcome.status)")
            #expect(outcome.exit.code == 0)
            let waits = lines.compactMap { $0.fields["retry_in_s"] }.joined(separator: ", ")
            figure("A7 \(failure.name): lines \(lines.count), waits \(waits) s, attempts \(outcome.attempts)")
        }

        @Test("Each failure waits as long as its line says", arguments: FailureCase.all)
        func truthful(failure: FailureCase) async throws {
            let lines = try await Failures.all.outcome(of: failure).troubles
            for (line, next) in zip(lines, lines.dropFirst()) {
                let wait = try #require(line.retryIn)
                // Lines know the second only, and an attempt takes its time, on a busy machine more of it.
                let between = try #require(next.time?.timeIntervalSince(line.time ?? .distantPast))
                #expect((-1.6...10).contains(between - wait), "\(between) s after \(line)")
            }
        }

        @Test("No failure makes a tight loop", arguments: FailureCase.all)
        func bounded(failure: FailureCase) async throws {
            let outcome = try await Failures.all.outcome(of: failure)
            #expect(outcome.troubles.count <= failure.waits.count)
            if case .counted(let attempts) = outcome.attempts {
                // One may be under way.
                #expect(abs(attempts - outcome.troubles.count) <= 1, "\(outcome.troubles)")
            }
        }

        @Test("A portal by plain http on another machine is refused before anything is sent")
        func plainPortal() async throws {
            try await Stage.with { stage in
                let daemon = try await stage.daemon(url: "http://portal.example")
                let exit = try await daemon.process.exit(within: .seconds(30))
                #expect(exit.code == 78)
                let lines = daemon.process.errorOutput.split(separator: "\n")
                #expect(lines.count == 1, "\(lines)")
                #expect(lines.first?.contains("https") == true && lines.first?.contains("url") == true, "\(lines)")
                figure("A7 plain http portal: exit 78, \(lines.first ?? "")")
            }
        }
    }
}
