import Foundation
import PullProtocol
import Testing

struct TimestampTests {
    @Test(
        "All ways in which portals write a time (C11)",
        arguments: [
            ("2017-06-28T12:04:00+02:00", 1_498_644_240), ("2017-06-29T00:04:00+02:00", 1_498_687_440),
            ("2024-03-01T10:00:00+03:00", 1_709_276_400), ("2024-03-01T07:00:05Z", 1_709_276_405),
            ("1709276405", 1_709_276_405), (" 2024-03-01t07:00:05z\n", 1_709_276_405),
            ("2024-03-01 07:00:05.999+0000", 1_709_276_405), ("2024-03-01T07:00:05,1+00", 1_709_276_405),
            ("2024-03-01T01:30:05-0530", 1_709_276_405), ("1709276405.75", 1_709_276_405), ("0", 0),
            ("2024-02-29T00:00:00Z", 1_709_164_800), ("2016-12-31T23:59:60Z", 1_483_228_800),
            ("9999-12-31T23:59:59Z", 253_402_300_799), ("1970-01-01T00:00:00Z", 0),
        ])
    func times(text: String, seconds: Int64) {
        #expect(Timestamp.parse(text) == seconds)
    }

    @Test(
        "What is no time is none (C11)",
        arguments: [
            "soon", "", " ", "-1", "1709276405000", "17092764051x", "99999999999999999999999999",
            "2024-02-30T00:00:00Z",
            "2023-02-29T00:00:00Z", "2024-13-01T00:00:00Z", "2024-00-01T00:00:00Z", "2024-01-00T00:00:00Z",
            "2024-03-01T24:00:00Z", "2024-03-01T00:60:00Z", "2024-03-01T00:00:61Z", "2024-03-01T00:00:00",
            "2024-03-01T00:00:00+", "2024-03-01T00:00:00+2:00", "2024-03-01T00:00:00+24:00",
            "2024-03-01T00:00:00+01:60",
            "2024-03-01T00:00:00+01:", "2024-03-01T00:00:00.Z", "2024-03-01", "2024-3-1T00:00:00Z",
            "0000-01-01T00:00:00Z",
            "1969-12-31T23:59:59Z", "1970-01-01T00:00:00+01:00", "2024-03-01T00:00:00Z x", "２０２４-03-01T00:00:00Z",
            "999999999999", "2024-03-01T00:00:00Z" + String(repeating: " ", count: 64), "1709276405.", "1.5e9",
        ])
    func none(text: String) {
        #expect(Timestamp.parse(text) == nil)
    }

    @Test("Agrees with Foundation on random times in all offsets")
    func oracle() {
        var generator = SystemRandomNumberGenerator()
        let formatter = ISO8601DateFormatter()
        for _ in 0..<3000 {
            let seconds = Int64.random(in: 0...4_102_444_800, using: &generator)
            let offset = Int.random(in: -14 * 60...14 * 60, using: &generator) * 60
            formatter.timeZone = TimeZone(secondsFromGMT: offset)
            formatter.formatOptions =
                Bool.random(using: &generator)
                ? .withInternetDateTime : [.withFullDate, .withTime, .withTimeZone, .withColonSeparatorInTime]
            let text = formatter.string(from: Date(timeIntervalSince1970: Double(seconds)))
            if text.hasPrefix("1969") { continue }
            #expect(Timestamp.parse(text) == seconds, "\(text)")
        }
    }

    @Test("No text makes it trap")
    func noise() {
        var generator = SystemRandomNumberGenerator()
        let letters = Array("0123456789-+:TZ. ,")
        for _ in 0..<20_000 {
            let length = Int.random(in: 0...70, using: &generator)
            let text = String((0..<length).map { _ in letters.randomElement(using: &generator) ?? "0" })
            if let seconds = Timestamp.parse(text) { #expect(0...253_402_300_799 ~= seconds) }
        }
    }
}
