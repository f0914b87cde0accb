import Glibc

/// The two ways in which portals and push servers write a moment.
public enum WireDates {
    /// Seconds since 1970 by this machine.
    public static func systemTime() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }

    /// Microseconds since 1970 by this machine.
    static func microseconds() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1_000
    }

    /// `2024-03-01T10:00:00+02:00`: the portal's zone is two hours east, all year.
    static func atom(_ unixTime: Double) -> String {
        let fields = Fields(unixSeconds: Int(unixTime.rounded(.down)) + 7_200)
        return "\(fields.year)-\(two(fields.month))-\(two(fields.day))T\(fields.clock)+02:00"
    }

    /// `Tue, 14 Nov 2023 22:13:21 GMT` (RFC 9110, section 5.6.7).
    static func http(_ unixTime: Double) -> String {
        let fields = Fields(unixSeconds: Int(unixTime.rounded(.down)))
        let day = weekdays[fields.weekday]
        let month = months[fields.month - 1]
        return "\(day), \(two(fields.day)) \(month) \(fields.year) \(fields.clock) GMT"
    }

    private static let weekdays = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
    private static let months = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]

    private static func two(_ number: Int) -> String {
        number < 10 ? "0\(number)" : "\(number)"
    }

    /// A moment in the proleptic Gregorian calendar.
    private struct Fields {
        var year: Int
        var month: Int
        var day: Int
        var weekday: Int
        var clock: String

        init(unixSeconds: Int) {
            let days = Int((Double(unixSeconds) / 86_400).rounded(.down))
            let second = unixSeconds - days * 86_400
            // Days are counted from 1 March of year 0, so that the leap day is the last of a year.
            let shifted = days + 719_468
            let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
            let dayOfEra = shifted - era * 146_097
            let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
            let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
            let monthFromMarch = (5 * dayOfYear + 2) / 153
            day = dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
            month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
            year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
            weekday = ((days + 4) % 7 + 7) % 7
            clock = "\(two(second / 3_600)):\(two(second / 60 % 60)):\(two(second % 60))"
        }
    }
}
