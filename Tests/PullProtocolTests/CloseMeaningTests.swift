import PullProtocol
import Testing

struct CloseMeaningTests {
    private func close(
        _ code: Int, _ reason: String = "", byUs: Bool = false, mode: PullConfiguration.Mode = .personal,
        version: Int = 4, repeats: Int = 0
    ) -> Verdict {
        CloseMeaning.of(
            code: code, reason: reason, requestedByUs: byUs, mode: mode, version: version, repeats: repeats)
    }

    @Test("A wrong channel: ask again after 6 to 35 s (K1), the second time on the schedule at least (K2)")
    func wrongChannel() {
        let first = close(4010, "4010: Wrong Channel Id.")
        #expect(first.action == .refetch)
        #expect(first.delay == 6...35)
        #expect(!first.obeysSchedule && !first.countsAsBlocked && first.keepsPosition)
        let second = close(4010, repeats: 1)
        #expect(second.delay == 6...35 && second.obeysSchedule)
    }

    @Test(
        "A server that always closes with 1000 says in the reason what it means (K3)",
        arguments: [
            (1000, "4010: Wrong Channel Id.", 4010), (1000, " 4029: too many", 4029), (1000, "Wrong Channel Id.", 4010),
            (1000, "", 1000), (1000, "40101: x", 1000), (1000, "good bye 4010", 1000), (1006, "4010: x", 1006),
            (1000, "{\"http_status\": 403, \"text\": \"x\"}", 403), (1000, "{\"http_status\":200}", 1000),
            (1000, "{", 1000),
            (4029, "4010: x", 4029),
        ])
    func reasons(code: Int, reason: String, effective: Int) {
        #expect(CloseMeaning.effectiveCode(code: code, reason: reason) == effective)
        #expect(close(code, reason).code == effective)
    }

    @Test("Too many connections: a minute at least (K4), and an alarm the third time")
    func tooMany() {
        #expect(close(4029).delay?.lowerBound == 60)
        #expect(close(4029).action == .reconnect)
        #expect(close(4029, repeats: 1).alarm == nil)
        #expect(close(4029, repeats: 2).alarm != nil)
    }

    @Test("A store that could not be read: on the schedule, with the same position (K5)")
    func storeError() {
        let verdict = close(4011)
        #expect(verdict.action == .reconnect && verdict.obeysSchedule && verdict.delay == nil && verdict.keepsPosition)
    }

    @Test(
        "A wrong client id: one look at the configuration, then an alarm, hourly (K6)",
        arguments: [PullConfiguration.Mode.personal, .shared])
    func wrongClientID(mode: PullConfiguration.Mode) {
        let first = close(4036, mode: mode)
        #expect(first.action == .refetch && first.alarm == nil && first.delay == nil)
        let second = close(4036, mode: mode, repeats: 1)
        #expect(second.action == .refetch && second.alarm != nil && second.delay?.lowerBound == 3600)
    }

    @Test(
        "An end that was asked for has no consequence of its own (K12)",
        arguments: [1000, 1001, 3000, 3001, 3002, 3003, 3004])
    func requested(code: Int) {
        let verdict = close(code, "4010: x", byUs: true)
        #expect(verdict.action == .stop && !verdict.isFailure && verdict.delay == nil && !verdict.obeysSchedule)
    }

    @Test(
        "A connection that was closed for a fault is made again, whoever closed it (K9)",
        arguments: [3005, 3006, 1002, 1006])
    func requestedForFault(code: Int) {
        #expect(close(code, byUs: true).action == .reconnect)
    }

    @Test("A message too large is no reason to fetch it again and again")
    func tooBig() {
        let verdict = close(1009)
        #expect(verdict.action == .fallBackToPolling && verdict.alarm != nil && verdict.keepsPosition)
    }

    @Test(
        "The other codes",
        arguments: [
            (1000, Decision.reconnect, nil, true, false), (1001, .reconnect, 1.0, false, false),
            (1002, .reconnect, nil, true, true), (1003, .reconnect, nil, true, false),
            (1005, .reconnect, nil, true, true),
            (1006, .reconnect, nil, true, true), (1007, .reconnect, nil, true, false),
            (1008, .reconnect, nil, true, true),
            (1011, .reconnect, nil, true, false), (1012, .reconnect, nil, true, false),
            (1013, .reconnect, 15, true, false),
            (1014, .reconnect, nil, true, false), (1015, .reconnect, nil, true, true),
            (3000, .reconnect, nil, true, false),
            (4012, .reconnect, nil, true, false), (4021, .reconnect, nil, true, false),
            (4024, .reconnect, nil, true, false),
            (4025, .refetch, nil, true, false), (4035, .reconnect, nil, true, false),
            (4999, .reconnect, nil, true, false),
            (5000, .reconnect, nil, true, false), (0, .reconnect, nil, true, false), (-1, .reconnect, nil, true, false),
            (403, .refetch, nil, true, false), (Int.max, .reconnect, nil, true, false),
        ] as [(Int, Decision, Double?, Bool, Bool)])
    func table(code: Int, action: Decision, delay: Double?, obeysSchedule: Bool, blocked: Bool) {
        let verdict = close(code)
        #expect(verdict.action == action)
        #expect(verdict.delay?.lowerBound == delay)
        #expect(verdict.obeysSchedule == obeysSchedule)
        #expect(verdict.countsAsBlocked == blocked)
        #expect(verdict.isFailure && verdict.keepsPosition)
    }

    @Test("Unknown codes of the server ask for the configuration from the second time on")
    func unknown() {
        #expect(close(4500, repeats: 1).action == .refetch)
        #expect(close(4035, repeats: 1).action == .refetch)
        #expect(close(4012, version: 5, repeats: 1).action == .refetch)
        #expect(close(4012, repeats: 1).action == .reconnect)
    }

    @Test("Faults of ours and lasting TLS failures raise an alarm")
    func alarms() {
        #expect(close(4013).alarm != nil)
        #expect(close(1015).alarm == nil && close(1015, repeats: 1).alarm == nil)
        #expect(close(1015, repeats: 2).alarm != nil)
        #expect(close(1006, repeats: 50).alarm == nil)
    }

    @Test("Silence is death after 300 s (K9), after 20 s only where the server has pinged by text (K10)")
    func idle() {
        #expect(IdleRule.limit(version: 4, sawTextPing: false) == 300)
        #expect(IdleRule.limit(version: 4, sawTextPing: true) == 300)
        #expect(IdleRule.limit(version: 5, sawTextPing: false) == 300)
        #expect(IdleRule.limit(version: 5, sawTextPing: true) == 20)
    }
}
