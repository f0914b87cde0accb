import Events
import Journal
import PullProtocol
import Testing
import Timing

@testable import Subscription

@Suite struct IntakeTests {
    private func envelope(_ counter: Int, _ text: String) -> String {
        let mid = "1700000000" + String(repeating: "0", count: 16 - "\(counter)".count) + "\(counter)"
        return "#!NGINXNMS!#{\"id\":\(counter),\"mid\":\"\(mid)\",\"text\":\(text)}#!NGINXNME!#"
    }

    private func take(
        _ intake: inout Intake, _ texts: String..., at second: Int = 0, mode: PayloadMode = .text,
        reach: MessageID? = nil
    ) -> Intake.Outcome {
        var bytes: [UInt8] = []
        var units: [(range: Range<Int>, kind: FrameKind)] = []
        for text in texts {
            let start = bytes.count
            bytes += Array(text.utf8)
            units.append((start..<bytes.count, .text))
        }
        return intake.take(
            bytes, units: units, decoder: UnitDecoder(mode: mode),
            reception: Intake.Reception(server: "rt", receivedAt: 1, at: .seconds(second), reach: reach))
    }

    private func id(_ counter: UInt64) -> MessageID { MessageID(generation: 1_700_000_000, counter: counter) }

    private let command = #"{"module_id":"m","command":"c","params":{}}"#

    @Test("Units of one turn become one batch, repetitions left out, numbers adding up")
    func conservation() throws {
        var intake = Intake(portal: "acme", lag: .seconds(300))
        intake.positions.follow("rt", version: 3)
        let first = take(&intake, envelope(1, command) + envelope(2, command), envelope(1, command))
        #expect(first.entry?.batch?.events.count == 2)
        #expect(first.newest == MessageID(generation: 1_700_000_000, counter: 2))
        let second = take(&intake, envelope(2, command))
        #expect(second.entry?.batch == nil)
        #expect(second.entry == nil)
        _ = take(&intake, envelope(3, command))
        var counts = intake.counts
        #expect(counts.isConserved)
        #expect(counts.received == 5)
        counts.received -= 1
        counts.journaled -= 1
        #expect(counts.received == counts.journaled + counts.repeated + counts.serviceCommands)
        #expect((counts.received, counts.journaled, counts.repeated) == (4, 2, 2))
    }

    @Test("V7: service commands are taken out and move the position")
    func serviceCommands() {
        var intake = Intake(portal: "acme", lag: .seconds(300))
        let outcome = take(&intake, envelope(7, #"{"module_id":"pull","command":"config_expire","params":[]}"#))
        #expect(outcome.entry?.batch == nil)
        #expect(outcome.entry?.marks.map(\.id) == [id(7)])
        #expect(outcome.entry?.position?.newest == id(7))
        #expect(outcome.commands == [.configExpire])
        #expect(intake.positions.newest(of: "rt") == MessageID(generation: 1_700_000_000, counter: 7))
    }

    @Test(
        "E12: a forged envelope of another generation is delivered and does not move the position, whatever was asked for"
    )
    func forgery() {
        var intake = Intake(portal: "acme", lag: .seconds(300))
        intake.positions.follow("rt", version: 4)
        _ = take(&intake, envelope(1, command))
        let forged = "1}#!NGINXNME!##!NGINXNMS!#{\"mid\":\"99999999999999999999999999\",\"text\":2"
        let outcome = take(&intake, envelope(2, forged), mode: .binary)
        #expect(outcome.entry?.batch?.events.count == 2)
        #expect(intake.positions.newest(of: "rt")?.generation == 1_700_000_000)
        #expect(outcome.newest?.generation == 1_700_000_000)
        // While it comes, too.
        var place = UnitPlace.beginning
        let front = intake.takeFront(
            Array((envelope(3, forged) + "#!NGINXNMS!#").utf8), kind: .longPoll, from: &place,
            decoder: UnitDecoder(mode: .binary),
            reception: Intake.Reception(server: "rt", receivedAt: 1, at: .zero, isPiece: true))
        #expect(front?.outcome.messageCount == 2)
        #expect(intake.positions.newest(of: "rt")?.generation == 1_700_000_000)
    }

    @Test(
        "M6: without ids, channel, number, time and body together tell messages apart, and the position is tag and time"
    )
    func withoutIDs() {
        var intake = Intake(portal: "acme", lag: .seconds(300))
        intake.positions.follow("rt", version: 2)
        func envelope(_ id: Int, _ second: Int) -> String {
            let time = "Tue, 14 Nov 2023 22:13:\(second) GMT"
            return "#!NGINXNMS!#{\"id\":\(id),\"tag\":\"\(id)\",\"time\":\"\(time)\",\"text\":\(command)}#!NGINXNME!#"
        }
        let first = take(&intake, envelope(1, 20) + envelope(2, 20) + envelope(1, 21))
        #expect(first.entry?.batch?.events.count == 3)
        let second = take(&intake, envelope(2, 20) + envelope(3, 22))
        #expect(second.entry?.batch?.events.count == 1)
        #expect(second.legacyPosition == .legacy(tag: "3", time: "Tue, 14 Nov 2023 22:13:22 GMT"))
    }

    @Test("J6: parameters merged from several members are in the batch's bytes")
    func appendix() throws {
        var intake = Intake(portal: "acme", lag: .seconds(300))
        let call = """
            {"jsonrpc":"2.0","method":"incoming.message","params":{"mid":"17000000000000000000000041","body":\
            {"module_id":"m","command":"c","params":{"a":1}},"user_params":{"b":2}},"id":7}
            """
        let bytes = Array(call.utf8)
        let outcome = intake.take(
            bytes, units: [(0..<bytes.count, .text)], decoder: UnitDecoder(mode: .jsonRPC),
            reception: Intake.Reception(server: "rt", receivedAt: 1, at: .zero))
        let batch = try #require(outcome.entry?.batch)
        let params = try #require(batch.events.first?.params)
        #expect(String(decoding: batch.bytes[params.range], as: UTF8.self) == #"{"a":1,"b":2}"#)
        #expect(outcome.acknowledgements == ["mack:17000000000000000000000041"])
    }

    @Test("An entry has the new events, a mark for each new message, the position and what it adds to the counts")
    func entry() throws {
        var intake = Intake(portal: "acme", lag: .seconds(300))
        intake.positions.follow("rt", version: 3)
        let service = envelope(2, #"{"module_id":"pull","command":"open","params":[]}"#)
        let entry = try #require(take(&intake, envelope(1, command) + service + envelope(1, command)).entry)
        #expect(entry.batch?.events.map(\.id) == [id(1)])
        #expect(entry.marks.map(\.id) == [id(1), id(2)])
        #expect(entry.position == StoredPosition(server: "rt", newest: id(2), safe: id(2)))
        #expect(entry.counts.isConserved)
        #expect((entry.counts.received, entry.counts.serviceCommands, entry.counts.repeated) == (3, 1, 1))
        #expect(entry.quarantine.isEmpty && entry.channels == nil && entry.lastContact == nil)
    }

    @Test("What repetitions add to the counts is kept for the next entry")
    func countsOfRepetitions() throws {
        var intake = Intake(portal: "acme", lag: .seconds(300))
        intake.positions.follow("rt", version: 3)
        _ = take(&intake, envelope(1, command))
        #expect(take(&intake, envelope(1, command), envelope(1, command)).entry == nil)
        let entry = try #require(take(&intake, envelope(2, command)).entry)
        #expect((entry.counts.received, entry.counts.repeated, entry.counts.journaled) == (3, 2, 1))
    }

    @Test("M1: a message between known ones is delivered, and moves the position back no step")
    func between() {
        var intake = Intake(portal: "acme", lag: .seconds(300))
        intake.positions.follow("rt", version: 4)
        _ = take(&intake, envelope(41, command) + envelope(43, command))
        let outcome = take(&intake, envelope(42, command))
        #expect(outcome.entry?.batch?.events.map(\.id) == [id(42)])
        #expect(outcome.wentBack == 0)
        #expect(intake.positions.newest(of: "rt") == id(43))
    }

    @Test("M2: a known id with another body is delivered, raises the alarm and takes the position down")
    func conflicting() {
        var intake = Intake(portal: "acme", lag: .seconds(300))
        intake.positions.follow("rt", version: 4)
        _ = take(&intake, envelope(41, command) + envelope(43, command))
        #expect(take(&intake, envelope(41, command)).entry == nil)
        let outcome = take(&intake, envelope(41, #"{"module_id":"m","command":"other"}"#))
        #expect(outcome.entry?.batch?.events.count == 1)
        #expect(outcome.wentBack == 1)
        #expect(outcome.isBack)
        #expect(outcome.newest == id(41))
        #expect(outcome.entry?.position == StoredPosition(server: "rt", newest: id(41), safe: id(40)))
        #expect(intake.counts.conflicting == 1)
    }

    @Test("A new message at or below what is safe is delivered, raises the alarm and takes the position below it")
    func counterWentBack() {
        var intake = Intake(portal: "acme", lag: .seconds(300))
        intake.positions.follow("rt", version: 4)
        _ = take(&intake, envelope(1, command), at: 0)
        _ = take(&intake, envelope(100, command), at: 20)
        _ = take(&intake, envelope(200, command), at: 400)
        intake.positions.confirm(asOf: .seconds(400), at: .seconds(400))
        #expect(take(&intake, envelope(101, command), at: 401).wentBack == 0)
        // A restored store goes on from an old number, and the history brings messages from before with it.
        let outcome = take(&intake, envelope(200, command) + envelope(50, command) + envelope(51, command), at: 402)
        #expect(outcome.entry?.batch?.events.map(\.id) == [id(50), id(51)])
        #expect(outcome.wentBack == 2)
        #expect(outcome.entry?.position == StoredPosition(server: "rt", newest: id(51), safe: id(49)))
    }

    @Test("M7: a new store is a gap record before its first messages, between the newest old id and the lowest new one")
    func lostStore() throws {
        var intake = Intake(portal: "acme", lag: .seconds(300))
        intake.positions.follow("rt", version: 3)
        _ = take(&intake, envelope(42, command))
        func later(_ counter: Int) -> String {
            envelope(counter, command).replacing("1700000000", with: "1800000000")
        }
        let outcome = take(&intake, later(3) + later(2))
        let batch = try #require(outcome.entry?.batch)
        #expect(batch.events.map(\.shape) == [.gap, .object, .object])
        #expect(batch.events[0].id == nil)
        let body = String(decoding: batch.bytes[batch.events[0].body.range], as: UTF8.self)
        #expect(
            body == """
                {"reason":"server-store-lost","after":"17000000000000000000000042","before":"18000000000000000000000002"}
                """)
        #expect(outcome.entry?.counts.gaps == 1)
        #expect(intake.counts.isConserved)
        #expect(outcome.entry?.position?.newest?.generation == 1_800_000_000)
        #expect(outcome.entry?.position?.safe == id(42))
    }

    @Test("M8: the id of a malformed message counts as seen only together with the piece in quarantine")
    func malformed() throws {
        var intake = Intake(portal: "acme", lag: .seconds(300))
        intake.positions.follow("rt", version: 3)
        let broken = ##"#!NGINXNMS!#{"mid":"17000000000000000000000007","id":#!NGINXNME!#"##
        let outcome = take(&intake, broken)
        let entry = try #require(outcome.entry)
        #expect(entry.batch == nil)
        #expect(entry.quarantine.map(\.id) == [id(7)])
        #expect(entry.quarantine.first?.bytes == Array(broken.utf8))
        #expect(entry.marks.map(\.id) == [id(7)])
        // It is not asked for again and again.
        #expect(outcome.newest == id(7))
        #expect(entry.counts.malformedPieces == 1)
        #expect(take(&intake, broken).entry == nil)
        #expect(intake.counts.malformedPieces == 1)
    }

    @Test("A body that is no JSON is an event, and its piece is kept once")
    func malformedBody() throws {
        var intake = Intake(portal: "acme", lag: .seconds(300))
        intake.positions.follow("rt", version: 3)
        let raw = envelope(5, "not JSON")
        let entry = try #require(take(&intake, raw).entry)
        #expect(entry.batch?.events.map(\.shape) == [.raw])
        #expect(entry.quarantine.map(\.id) == [id(5)])
        #expect(entry.marks.count == 1)
        #expect(take(&intake, raw).entry == nil)
    }

    @Test("A unit that no server sends goes to quarantine, at most a mebibyte of it, and the same one not again")
    func unknownUnit() throws {
        var intake = Intake(portal: "acme", lag: .seconds(300))
        let page = "<html>" + String(repeating: "x", count: 2 << 20)
        let entry = try #require(take(&intake, page, "<html>another").entry)
        #expect(entry.quarantine.map(\.bytes.count) == [1 << 20])
        #expect(entry.counts.unknownUnits == 2)
        #expect(take(&intake, page).entry == nil)
    }

    @Test("A damaged frame is kept from where it is damaged")
    func damagedFrame() throws {
        var intake = Intake(portal: "acme", lag: .seconds(300))
        let bytes: [UInt8] = [0x0A, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF]
        let outcome = intake.take(
            bytes, units: [(0..<bytes.count, .binary)], decoder: UnitDecoder(mode: .binary),
            reception: Intake.Reception(server: "rt", receivedAt: 1, at: .zero))
        #expect(outcome.damage != nil)
        #expect(outcome.entry?.quarantine.map(\.bytes) == [bytes])
    }

    @Test(
        "M4: an answer of a hundred reaches back if it has a message known before it, and before its limit",
        arguments: [(nil, 0, false), (nil, 1, true), (10, 1, true), (0, 1, false)] as [(UInt64?, Int, Bool)])
    func reach(limit: UInt64?, known: Int, reaches: Bool) {
        var intake = Intake(portal: "acme", lag: .seconds(300))
        intake.positions.follow("rt", version: 4)
        if known > 0 { _ = take(&intake, envelope(1, command)) }
        let answer = (1...100).map { envelope($0, command) }.joined()
        let outcome = take(&intake, answer, reach: limit.map { id($0) })
        #expect(outcome.messageCount == 100)
        #expect(outcome.newCount == 100 - known)
        #expect(outcome.reachesKnown == reaches)
        #expect(outcome.lowest == id(1))
    }

    @Test("M6: tag and time are stored, as they stand")
    func legacyStored() {
        var intake = Intake(portal: "acme", lag: .seconds(300))
        intake.positions.follow("rt", version: 2)
        let text = ##"#!NGINXNMS!#{"id":1,"tag":"1","time":"Tue, 14 Nov 2023 22:13:20 GMT","text":1}#!NGINXNME!#"##
        #expect(take(&intake, text).entry?.position?.legacy == "1;Tue, 14 Nov 2023 22:13:20 GMT")
    }

    @Test("After a restart known messages are dropped, by memory or by disk, and counts go on")
    func restart() {
        let mark = SeenMark(id: id(1), hash: Array(command.utf8).withUnsafeBytes { BodyHash.of($0) })
        let later = SeenMark(id: id(9), hash: mark.hash)
        var intake = Intake(portal: "acme", lag: .seconds(300)) { $0 == mark.id ? [mark] : [] }
        var record = PortalRecord()
        record.positions = [StoredPosition(server: "rt", newest: id(9), safe: id(5))]
        record.counts.received = 10
        record.counts.journaled = 10
        #expect(intake.restore(record, marks: [later], through: id(5), at: .zero).isEmpty)
        intake.positions.follow("rt", version: 4)
        #expect(take(&intake, envelope(1, command) + envelope(9, command)).entry == nil)
        #expect(take(&intake, envelope(10, command)).entry?.batch?.events.count == 1)
        #expect(intake.counts.received == 13)
        #expect(intake.counts.isConserved)
    }

    @Test("Where earlier messages cannot be looked up they are delivered, rather twice than not at all")
    func failingDisk() {
        let failure = JournalError(code: .inputOutput, message: "no")
        var intake = Intake(portal: "acme", lag: .seconds(300)) { _ throws(JournalError) in throw failure }
        #expect(intake.restore(PortalRecord(), marks: [], through: id(5), at: .zero).isEmpty)
        let outcome = take(&intake, envelope(1, command))
        #expect(outcome.entry?.batch?.events.count == 1)
        #expect(outcome.lookUpFailure == failure)
    }
}
