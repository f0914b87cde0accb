import Events
import History
import Testing

@Suite struct TimeArgumentTests {
    /// 2026-11-22T09:00:00Z
    static let now: Int64 = 1_795_338_000_000_000

    @Test(
        "A point in the journal is so long ago, a time, or a number",
        arguments: [
            ("10m", .moment(now - 600_000_000)),
            ("90s", .moment(now - 90_000_000)),
            ("2h", .moment(now - 7_200_000_000)),
            ("1d", .moment(now - 86_400_000_000)),
            ("1w", .moment(now - 604_800_000_000)),
            ("0s", .moment(now)),
            ("2026-11-22T09:00:00Z", .moment(now)),
            ("2026-11-22T11:00:00+02:00", .moment(now)),
            ("2026-11-22T09:00:00.123456Z", .moment(now + 123_456)),
            ("2026-11-22T09:00:00.5Z", .moment(now + 500_000)),
            ("2026-11-22T09:00:00.123456789Z", .moment(now + 123_456)),
            ("2026-11-22 09:00:00Z", .moment(now)),
            ("#41", .sequence(41)),
            ("#18446744073709551615", .sequence(.max)),
        ] as [(String, TimeArgument)])
    func taken(text: String, value: TimeArgument) {
        #expect(TimeArgument(text, now: Self.now) == value)
    }

    @Test(
        "What could be meant in two ways, or is nothing, is refused",
        arguments: [
            "", "41", "1795338000", "10", "m", "10 m", "-10m", "+10m", "1.5h", "10M", "10min", "36526d", "#", "#-1",
            "#18446744073709551616", "2026-11-22", "09:00", "2026-13-22T09:00:00Z", "2026-11-22T09:00:00", "yesterday",
            "99999999999999999999s", "１m",
        ])
    func refused(text: String) {
        #expect(TimeArgument(text, now: Self.now) == nil)
    }

    @Test(
        "Numbers are one, a range, or all from one on",
        arguments: [
            ("41", 41...41), ("#41", 41...41), ("41-60", 41...60), ("#41-#60", 41...60), ("41-", 41...UInt64.max),
            ("0-0", 0...0),
        ] as [(String, ClosedRange<UInt64>)])
    func ranges(text: String, numbers: ClosedRange<UInt64>) {
        #expect(SequenceRange(text)?.numbers == numbers)
    }

    @Test(
        "Ranges that are none are refused",
        arguments: ["", "-", "-41", "60-41", "41-60-70", "a", "41..60", " 41", "##1"])
    func noRanges(text: String) {
        #expect(SequenceRange(text) == nil)
    }

    @Test("Positions are one, a range, or all from one on, of exactly 26 digits")
    func positions() throws {
        let text = "17000000000000000000000042"
        let id = try #require(MessageID(text))
        #expect(MessageIDRange(text)?.ids == id...id)
        #expect(MessageIDRange("\(text)-17000000000000000000000050")?.ids.upperBound.counter == 50)
        #expect(MessageIDRange("\(text)-")?.ids.contains(id.successor) == true)
        #expect(MessageIDRange("\(text)-")?.ids.contains(id.predecessor) == false)
        for wrong in ["", "42", text + "0", "-" + text, "17000000000000000000000050-\(text)", "\(text)-42"] {
            #expect(MessageIDRange(wrong) == nil)
        }
    }
}
