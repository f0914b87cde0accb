import Events
import Journal
import PullProtocol
import Testing
import Timing

@testable import Subscription

@Suite struct ServerPositionsTests {
    private func id(_ counter: UInt64, generation: UInt64 = 1_700_000_000) -> MessageID {
        MessageID(generation: generation, counter: counter)
    }

    private func positions(_ start: StartPolicy = .now) -> ServerPositions {
        var positions = ServerPositions(lag: .seconds(300), start: start)
        positions.follow("a", version: 4)
        return positions
    }

    @Test("M5: nothing ever received and the policy `retained` asks with 26 zeros")
    func retained() {
        var positions = positions(.retained)
        #expect(positions.resume(of: "a", wasLive: false) == .retained)
        #expect(positions.resume(of: "a", wasLive: false).stored == "00000000000000000000000000")
        #expect(positions.audit(of: "a") == .retained)
    }

    @Test("The policy `now` asks without a position, has nothing to audit, and asks for everything once it was live")
    func now() {
        var positions = positions()
        #expect(positions.resume(of: "a", wasLive: false) == .none)
        #expect(positions.audit(of: "a") == nil)
        #expect(positions.resume(of: "a", wasLive: true) == .retained)
        #expect(positions.audit(of: "a") == .retained)
    }

    @Test("A portal that was live in an earlier run, without a message, asks for everything")
    func liveBefore() {
        var record = PortalRecord()
        record.lastContact = 1
        var intake = Intake(portal: "acme", lag: .seconds(300))
        #expect(intake.restore(record, marks: [], through: nil, at: .zero).isEmpty)
        #expect(intake.positions.resume(of: "a", wasLive: false) == .retained)
    }

    @Test("A server never seen before is asked for everything if the portal has had another one")
    func anotherServer() {
        var positions = positions()
        #expect(positions.resume(of: "b", wasLive: false) == .none)
        #expect(positions.note(id(5), of: "a", at: .zero, isText: false) == .usual)
        #expect(positions.resume(of: "b", wasLive: false) == .retained)
        #expect(positions.resume(of: "a", wasLive: false) == .message(id(5)))
        _ = positions.note(id(3), of: "b", at: .zero, isText: false)
        #expect(positions.newest(of: "a") == id(5))
        #expect(positions.newest(of: "b") == id(3))
    }

    @Test("M7: a new generation is accepted, moves the position up and is told with the newest id of the old store")
    func newStore() {
        var positions = positions()
        #expect(positions.note(id(42), of: "a", at: .zero, isText: false) == .usual)
        let first = id(1, generation: 1_800_000_000)
        #expect(positions.note(first, of: "a", at: .seconds(1), isText: false) == .newStore(after: id(42)))
        #expect(positions.newest(of: "a") == first)
        #expect(positions.note(id(2, generation: 1_800_000_000), of: "a", at: .seconds(2), isText: false) == .usual)
    }

    @Test("M7: it is told after a restart too, and not for a server that had no position")
    func newStoreAfterRestart() {
        var restored = ServerPositions(lag: .seconds(300), start: .now)
        _ = restored.restore([StoredPosition(server: "a", newest: id(42), safe: id(40))], at: .zero)
        restored.follow("a", version: 4)
        restored.follow("b", version: 4)
        #expect(
            restored.note(id(1, generation: 1_800_000_000), of: "a", at: .zero, isText: false)
                == .newStore(after: id(42)))
        #expect(restored.note(id(1, generation: 1_800_000_000), of: "b", at: .zero, isText: false) == .usual)
    }

    @Test("In texts that senders can forge a new generation moves nothing, and an old one takes nothing back")
    func forgeable() {
        var positions = positions()
        positions.follow("a", version: 4)
        _ = positions.note(id(42), of: "a", at: .zero, isText: true)
        #expect(positions.note(id(1, generation: 9_999_999_999), of: "a", at: .zero, isText: true) == .usual)
        #expect(positions.newest(of: "a") == id(42))
        let isBehind = positions.isBehind(id(1, generation: 5), of: "a", isText: true)
        #expect(!isBehind)
        #expect(positions.safe == id(42))
        positions.goBack(below: id(1, generation: 5), of: "a", isText: true)
        #expect(positions.newest(of: "a") == id(42))
        positions.confirm(asOf: .seconds(400), at: .seconds(400))
        let isReallyBehind = positions.isBehind(id(1), of: "a", isText: true)
        #expect(isReallyBehind)
    }

    @Test("What is stored changes with the newest and the safe position, once each")
    func stored() {
        var positions = positions()
        #expect(positions.changed("a") == nil)
        _ = positions.note(id(1), of: "a", at: .zero, isText: false)
        #expect(positions.changed("a") == StoredPosition(server: "a", newest: id(1), safe: id(1)))
        #expect(positions.changed("a") == nil)
        _ = positions.note(id(2), of: "a", at: .seconds(10), isText: false)
        #expect(positions.changed("a") == StoredPosition(server: "a", newest: id(2), safe: id(1)))
        positions.confirm(asOf: .seconds(310), at: .seconds(311))
        #expect(positions.changed("a") == StoredPosition(server: "a", newest: id(2), safe: id(2)))
        positions.confirm(asOf: .seconds(400), at: .seconds(400))
        #expect(positions.changed("a") == nil)
    }

    @Test("A message below the first one that came is no alarm: all began lower")
    func beginsLower() {
        var positions = positions()
        _ = positions.note(id(9), of: "a", at: .zero, isText: false)
        let isBehind = positions.isBehind(id(7), of: "a", isText: false)
        #expect(!isBehind)
        #expect(positions.changed("a") == StoredPosition(server: "a", newest: id(9), safe: id(6)))
    }

    @Test("A hold is for all servers, those that come later included")
    func held() {
        var positions = positions()
        _ = positions.note(id(1), of: "a", at: .zero, isText: false)
        positions.hold()
        positions.follow("b", version: 4)
        _ = positions.note(id(9), of: "b", at: .zero, isText: false)
        _ = positions.note(id(2), of: "a", at: .seconds(10), isText: false)
        positions.follow("a", version: 4)
        positions.confirm(asOf: .seconds(1000), at: .seconds(1000))
        #expect(positions.changed("a")?.safe == id(1))
        #expect(positions.changed("b")?.safe == nil)
    }

    @Test("U7: an unusable stored position is told and counts as none; a usable one of either kind is resumed from")
    func unusable() {
        var positions = ServerPositions(lag: .seconds(300), start: .now)
        let unusable = positions.restore(
            [
                StoredPosition(server: "a", legacy: "not a position"),
                StoredPosition(server: "b", legacy: "17;Tue, 14 Nov 2023 22:13:20 GMT"),
                StoredPosition(server: "c", newest: id(9), safe: id(5)),
            ], at: .zero)
        #expect(unusable == ["a"])
        #expect(positions.resume(of: "b", wasLive: false) == .legacy(tag: "17", time: "Tue, 14 Nov 2023 22:13:20 GMT"))
        #expect(positions.resume(of: "c", wasLive: false) == .message(id(5)))
        // The portal has had others.
        #expect(positions.resume(of: "a", wasLive: false) == .retained)
    }

    @Test("However many servers a portal names, few are remembered, and the present one is")
    func bounded() {
        var positions = positions()
        for number in 0..<1000 {
            positions.follow("server\(number)", version: 4)
            _ = positions.note(id(UInt64(number + 1)), of: "server\(number)", at: .zero, isText: false)
        }
        let known = (0..<1000).filter { positions.newest(of: "server\($0)") != nil }
        #expect(known.count <= 64)
        #expect(positions.newest(of: "server999") == id(1000))
    }
}
