/// `Retry-After` (RFC 9110, section 10.2.3): seconds, or a date in one of the three forms of section 5.6.7:
///
/// ```
/// 120
/// Sun, 06 Nov 1994 08:49:37 GMT
/// Sunday, 06-Nov-94 08:49:37 GMT
/// Sun Nov  6 08:49:37 1994
/// ```
enum RetryAfter {
    /// How long to wait; zero for a date that has passed. Nil for anything else.
    ///
    /// - Parameter now: Unix seconds.
    static func duration(_ text: String, now: Double) -> Duration? {
        if !text.isEmpty, text.utf8.allSatisfy({ 0x30...0x39 ~= $0 }) {
            // More seconds than fit are as good as very many.
            return .seconds(min(Int64(text) ?? .max, 1_000_000_000))
        }
        guard let date = date(text) else { return nil }
        return .seconds(min(max(Double(date) - now, 0), 1_000_000_000))
    }

    private static let months = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]

    /// Unix seconds.
    private static func date(_ text: String) -> Int64? {
        guard text.utf8.count <= 64 else { return nil }
        let parts = text.split { " ,-".contains($0) }
        let fields: (day: Substring, month: Substring, year: Substring, time: Substring)
        if parts.count == 6, parts[5] == "GMT" {
            fields = (parts[1], parts[2], parts[3], parts[4])
        } else if parts.count == 5 {
            fields = (parts[2], parts[1], parts[4], parts[3])
        } else {
            return nil
        }
        let time = fields.time.split(separator: ":").map { number($0, digits: 2...2) }
        guard let day = number(fields.day, digits: 1...2), 1...31 ~= day,
            let month = months.firstIndex(of: String(fields.month)), let year = year(fields.year), time.count == 3,
            let hour = time[0], let minute = time[1], let second = time[2], hour < 24, minute < 60, second <= 60
        else { return nil }
        return days(year, Int64(month) + 1, day) * 86_400 + hour * 3600 + minute * 60 + second
    }

    /// Two digits stand for a year of this century: dates to wait for do not lie in the last one.
    private static func year(_ text: Substring) -> Int64? {
        guard let year = number(text, digits: 2...4) else { return nil }
        return text.count == 2 ? 2000 + year : year
    }

    private static func number(_ text: Substring, digits: ClosedRange<Int>) -> Int64? {
        digits.contains(text.utf8.count) && text.utf8.allSatisfy { 0x30...0x39 ~= $0 } ? Int64(text) : nil
    }

    /// Days since 1970 of the proleptic Gregorian calendar (Howard Hinnant's days_from_civil).
    private static func days(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
        let year = month <= 2 ? year - 1 : year
        let era = year / 400
        let yearOfEra = year - era * 400
        let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }
}
