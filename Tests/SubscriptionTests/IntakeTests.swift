import Events
import PullProtocol
import Testing
import Timing

@testable import Subscription

@Suite struct IntakeTests {
    private func envelope(_ counter: Int, _ text: String) -> String {
        let mid = "1700000000" + String(repeating: "0", count: 16 - "\(counter)".count) + "\(counter)"
        return "#!NGINXNMS!#{\"id\":\(counter),\"mid\":\"\(mid)\",\"text\":\(text)}#!NGINXNME!#"
    }

    private func take(_ intake: inout Intake, _ texts: String..., at second: Int = 0) -> Intake.Outcome {
        var bytes: [UInt8] = []
        var units: [(range: Range<Int>, kind: FrameKind)] = []
        for text in texts {
            let start = bytes.count
            bytes += Array(text.utf8)
            units.append((start..<bytes.count, .text))
        }
        return intake.take(
            bytes, units: units, decoder: UnitDecoder(mode: .text), channel: .unknown, receivedAt: 1,
            at: .seconds(second))
    }

    private let command = #"{"module_id":"m","command":"c","params":{}}"#

    @Test("Units of one turn become one batch, repetitions left out, numbers adding up")
    func conservation() throws {
        var intake = Intake(portal: "acme")
        intake.follow(mode: .text, version: 3)
        let first = take(&intake, envelope(1, command) + envelope(2, command), envelope(1, command))
        #expect(first.batch?.events.count == 2)
        #expect(first.newest == MessageID(generation: 1_700_000_000, counter: 2))
        let second = take(&intake, envelope(2, command))
        #expect(second.batch == nil)
        let counts = intake.counts
        #expect(counts.received == counts.journaled + counts.repeated + counts.serviceCommands)
        #expect((counts.received, counts.journaled, counts.repeated) == (4, 2, 2))
    }

    @Test("V7: service commands are taken out and move the position")
    func serviceCommands() {
        var intake = Intake(portal: "acme")
        let outcome = take(&intake, envelope(7, #"{"module_id":"pull","command":"config_expire","params":[]}"#))
        #expect(outcome.batch == nil)
        #expect(outcome.commands == [.configExpire])
        #expect(intake.trail.newest == MessageID(generation: 1_700_000_000, counter: 7))
    }

    @Test("E12: a forged envelope of another generation is delivered and does not move the position")
    func forgery() {
        var intake = Intake(portal: "acme")
        intake.follow(mode: .text, version: 4)
        _ = take(&intake, envelope(1, command))
        let forged = "1}#!NGINXNME!##!NGINXNMS!#{\"mid\":\"99999999999999999999999999\",\"text\":2"
        let outcome = take(&intake, envelope(2, forged))
        #expect(outcome.batch?.events.count == 2)
        #expect(intake.trail.newest?.generation == 1_700_000_000)
        #expect(outcome.newest?.generation == 1_700_000_000)
    }

    @Test(
        "M6: without ids, channel, number, time and body together tell messages apart, and the position is tag and time"
    )
    func withoutIDs() {
        var intake = Intake(portal: "acme")
        intake.follow(mode: .text, version: 2)
        func envelope(_ id: Int, _ second: Int) -> String {
            let time = "Tue, 14 Nov 2023 22:13:\(second) GMT"
            return "#!NGINXNMS!#{\"id\":\(id),\"tag\":\"\(id)\",\"time\":\"\(time)\",\"text\":\(command)}#!NGINXNME!#"
        }
        let first = take(&intake, envelope(1, 20) + envelope(2, 20) + envelope(1, 21))
        #expect(first.batch?.events.count == 3)
        let second = take(&intake, envelope(2, 20) + envelope(3, 22))
        #expect(second.batch?.events.count == 1)
        #expect(second.legacyPosition == .legacy(tag: "3", time: "Tue, 14 Nov 2023 22:13:22 GMT"))
    }

    @Test("J6: parameters merged from several members are in the batch's bytes")
    func appendix() throws {
        var intake = Intake(portal: "acme")
        let call = """
            {"jsonrpc":"2.0","method":"incoming.message","params":{"mid":"17000000000000000000000041","body":\
            {"module_id":"m","command":"c","params":{"a":1}},"user_params":{"b":2}},"id":7}
            """
        let bytes = Array(call.utf8)
        let outcome = intake.take(
            bytes, units: [(0..<bytes.count, .text)], decoder: UnitDecoder(mode: .jsonRPC), channel: .unknown,
            receivedAt: 1, at: .zero)
        let batch = try #require(outcome.batch)
        let params = try #require(batch.events.first?.params)
        #expect(String(decoding: batch.bytes[params.range], as: UTF8.self) == #"{"a":1,"b":2}"#)
        #expect(outcome.acknowledgements == ["mack:17000000000000000000000041"])
    }
}
