import Events
import JSONText
import Testing
import Timing

@testable import Subscription

@Suite struct HeartbeatTests {
    private func beat(_ interval: Duration = .seconds(300)) -> Heartbeat {
        Heartbeat(interval: interval, now: .zero, random: 0.5)
    }

    private func tick(
        _ beat: inout Heartbeat, _ seconds: Double, number: UInt64 = 7, isLive: Bool = true
    ) -> [Heartbeat.Note] {
        let (notes, sends) = beat.tick(now: .seconds(seconds), isLive: isLive, number: number, random: 0.5)
        #expect(sends == notes.contains(.sent))
        return notes
    }

    @Test("The first comes within a minute, each further one an interval later")
    func schedule() {
        var beat = beat()
        #expect(beat.deadline == .seconds(30))
        #expect(tick(&beat, 29) == [])
        #expect(tick(&beat, 30) == [.sent])
        #expect(beat.arrived(7, at: .seconds(30.25)) == .returned(roundTrip: .milliseconds(250)))
        #expect(beat.deadline == .seconds(330))
        #expect(tick(&beat, 329, number: 8) == [])
        #expect(tick(&beat, 330, number: 8) == [.sent])
    }

    @Test("One that is not back within a minute is lost, and counts as such when it comes nevertheless")
    func lost() {
        var beat = beat()
        _ = tick(&beat, 30)
        #expect(beat.deadline == .seconds(90))
        #expect(tick(&beat, 89.9) == [])
        #expect(tick(&beat, 90) == [.lost])
        #expect(beat.arrived(7, at: .seconds(91)) == nil)
    }

    @Test("One that the portal refuses is lost at once")
    func refused() {
        var beat = beat()
        _ = tick(&beat, 30)
        #expect(beat.refused(7) == .lost)
        #expect(beat.refused(7) == nil)
        #expect(tick(&beat, 90) == [])
    }

    @Test("Another's heartbeat, and the same one again, are nothing")
    func strange() {
        var beat = beat()
        #expect(beat.arrived(7, at: .seconds(1)) == nil)
        _ = tick(&beat, 30)
        #expect(beat.arrived(8, at: .seconds(31)) == nil)
        #expect(beat.arrived(7, at: .seconds(31)) != nil)
        #expect(beat.arrived(7, at: .seconds(32)) == nil)
    }

    @Test("Nothing is sent while nothing can come back")
    func notLive() {
        var beat = beat(.seconds(10))
        #expect(tick(&beat, 10, isLive: false) == [])
        #expect(tick(&beat, 15, isLive: true) == [])
        #expect(tick(&beat, 20, isLive: true) == [.sent])
    }

    @Test(
        "What cannot be sent yet is tried again in seconds, not an interval later",
        arguments: [Duration.seconds(10), .seconds(300), .seconds(3600)])
    func soonAgain(interval: Duration) {
        for step in 0...10 {
            let random = Double(step) / 10
            var beat = Heartbeat(interval: interval, now: .zero, random: 0)
            for _ in 0..<20 {
                let now = beat.deadline
                let (notes, sends) = beat.tick(now: now, isLive: false, number: 7, random: random)
                #expect(notes == [] && !sends)
                #expect(beat.deadline - now <= .seconds(11) && beat.deadline - now >= .seconds(9))
            }
            let now = beat.deadline
            #expect(beat.tick(now: now, isLive: true, number: 7, random: random).sends)
        }
    }

    @Test("The board knows when the first was sent, and forgets all moments when none can be sent any more")
    func board() {
        let board = SessionBoard(heartbeat: .seconds(300))
        func moments(at seconds: Double) -> [Double?] {
            let figures = board.figures(at: Moment(monotonic: .seconds(seconds), wall: 1000 + seconds)).heartbeat
            return [figures?.firstSent, figures?.lastReturn]
        }
        #expect(moments(at: 1) == [nil, nil])
        board.heartbeat(.sent, at: .seconds(30))
        board.heartbeat(.lost, at: .seconds(90))
        board.heartbeat(.sent, at: .seconds(330))
        #expect(moments(at: 340) == [1030, nil])
        board.heartbeat(.returned(roundTrip: .seconds(1)), at: .seconds(331))
        #expect(moments(at: 340) == [1030, 1331])
        board.heartbeatsEnd()
        #expect(moments(at: 350) == [nil, nil])
        board.heartbeat(.sent, at: .seconds(360))
        #expect(moments(at: 370) == [1360, nil])
    }

    @Test("Sent is returned, lost and under way, whatever happens")
    func conservation() {
        var random = SeededRandom(seed: 5)
        var beat = beat(.seconds(10))
        var (sent, returned, lost) = (0, 0, 0)
        var last: UInt64 = 0
        for step in 0..<20_000 {
            let now = Duration.milliseconds(step * 700)
            var notes: [Heartbeat.Note] = []
            switch UInt64.random(in: 0..<6, using: &random) {
            case 0: notes = [beat.arrived(last, at: now)].compactMap(\.self)
            case 1: notes = [beat.refused(last)].compactMap(\.self)
            case 2: notes = [beat.arrived(last &- 1, at: now)].compactMap(\.self)
            default:
                let number = UInt64(step)
                let (told, sends) = beat.tick(now: now, isLive: step % 13 != 0, number: number, random: 0.3)
                if sends { last = number }
                notes = told
            }
            for note in notes {
                switch note {
                case .sent: sent += 1
                case .returned: returned += 1
                case .lost: lost += 1
                }
            }
            #expect(0...1 ~= sent - returned - lost)
        }
        #expect(returned > 100 && lost > 100)
    }

    @Test("An event is a heartbeat by module, command and number, and every other event is none")
    func recognition() {
        func number(_ command: String, _ params: String, module: String = "application") -> UInt64? {
            var bytes: [UInt8] = []
            func add(_ text: String) -> ByteRange {
                let start = bytes.count
                bytes += text.utf8
                return ByteRange(start..<bytes.count)
            }
            var event = Event()
            event.shape = .object
            event.module = add(module)
            event.command = add(command)
            event.params = add(params)
            return bytes.withUnsafeBytes { Heartbeat.number(of: event, in: $0) }
        }
        let own = String(decoding: Heartbeat.params(0xF3).serialized(), as: UTF8.self)
        #expect(own == #"{"number":"00000000000000f3"}"#)
        #expect(number("pulld.heartbeat", own) == 0xF3)
        #expect(number("pulld.heartbeat", own, module: "crm") == nil)
        #expect(number("pulld.heartbeats", own) == nil)
        #expect(number("pulld.heartbeat", #"{"number":"f3"}"#) == nil)
        #expect(number("pulld.heartbeat", #"{"number":243}"#) == nil)
        #expect(number("pulld.heartbeat", #"{"number":"+0000000000000f3"}"#) == nil)
        #expect(number("pulld.heartbeat", "[") == nil)
        #expect(number("pulld.heartbeat", "") == nil)
    }
}
