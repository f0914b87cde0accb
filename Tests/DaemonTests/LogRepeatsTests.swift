import Testing
import Timing

@testable import Daemon

@Suite struct LogRepeatsTests {
    private static func kind(_ message: String, portal: String = "acme") -> LogRepeats.Kind {
        LogRepeats.Kind(level: .warning, message: message, portal: portal, sink: "")
    }

    @Test("Twenty of a kind are written within a minute, the others are counted and told once")
    func sum() {
        var repeats = LogRepeats()
        let kind = Self.kind("not connected")
        for number in 1...50 {
            #expect(repeats.admits(kind, at: .milliseconds(number * 100)) == (number <= 20))
        }
        #expect(repeats.due == .milliseconds(60_100))
        #expect(repeats.takeDue(at: .seconds(60)) == [])
        #expect(repeats.takeDue(at: .milliseconds(60_100)) == [LogRepeats.Sum(kind: kind, count: 30)])
        #expect(repeats.takeDue(at: .seconds(200)) == [])
        #expect(repeats.due == nil)
        #expect(repeats.admits(kind, at: .seconds(61)) == true)
    }

    @Test("Another text, portal, sink or level is another kind")
    func kinds() {
        var repeats = LogRepeats()
        let kind = Self.kind("a")
        for _ in 0..<30 { _ = repeats.admits(kind, at: .zero) }
        var others = [kind, kind, kind, kind]
        others[0].message = "b"
        others[1].portal = "beta"
        others[2].sink = "app"
        others[3].level = .error
        for other in others { #expect(repeats.admits(other, at: .zero) == true) }
        #expect(repeats.admits(kind, at: .zero) == false)
    }

    @Test("What comes seldom is always written, however long it goes on")
    func seldom() {
        var repeats = LogRepeats()
        for minute in 0..<1000 { #expect(repeats.admits(Self.kind("a"), at: .seconds(minute * 10)) == true) }
        #expect(repeats.due == nil)
    }

    @Test("More kinds than are watched are written, and no sum is lost")
    func capacity() {
        var repeats = LogRepeats()
        for _ in 0..<21 { _ = repeats.admits(Self.kind("flood"), at: .zero) }
        for number in 0..<10_000 { #expect(repeats.admits(Self.kind("\(number)"), at: .seconds(1)) == true) }
        #expect(repeats.takeDue(at: .seconds(60)).map(\.count) == [1])
    }

    @Test("Every message is either written or in a sum")
    func conservation() {
        var repeats = LogRepeats()
        var (written, summed, total) = (0, 0, 0)
        for second in 0..<600 {
            for portal in ["a", "b", "c"] {
                summed += repeats.takeDue(at: .seconds(second)).reduce(0) { $0 + $1.count }
                for _ in 0..<(second % 7) {
                    total += 1
                    if repeats.admits(Self.kind("m", portal: portal), at: .seconds(second)) { written += 1 }
                }
            }
        }
        summed += repeats.takeDue(at: .seconds(100_000)).reduce(0) { $0 + $1.count }
        #expect(total == written + summed && summed > 1000)
    }
}
