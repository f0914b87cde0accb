/// A moment as RFC 3339 text in UTC with microseconds, `2026-11-22T09:00:00.123456Z`.
public enum Timestamp {
    /// - Parameter microseconds: since 1970. Moments outside the years 0 to 9999 become the nearest one inside.
    public static func text(microseconds: Int64) -> [UInt8] {
        // 0000-01-01 and the last microsecond of 9999.
        let bounded = min(max(microseconds, -62_167_219_200_000_000), 253_402_300_799_999_999)
        let (days, time) = floorDivide(bounded, 86_400_000_000)
        let date = civil(days: days)
        var text: [UInt8] = []
        text.reserveCapacity(27)
        append(date.year, 4, "-", to: &text)
        append(date.month, 2, "-", to: &text)
        append(date.day, 2, "T", to: &text)
        append(time / 3_600_000_000, 2, ":", to: &text)
        append(time / 60_000_000 % 60, 2, ":", to: &text)
        append(time / 1_000_000 % 60, 2, ".", to: &text)
        append(time % 1_000_000, 6, "Z", to: &text)
        return text
    }

    /// The day of the proleptic Gregorian calendar, counted in years that begin in March, so that the leap day is the
    /// last one (Howard Hinnant's days_from_civil, the other way round).
    private static func civil(days: Int64) -> (year: Int64, month: Int64, day: Int64) {
        let (era, dayOfEra) = floorDivide(days + 719_468, 146_097)
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let marchMonth = (5 * dayOfYear + 2) / 153
        let month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9
        let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        return (year, month, dayOfYear - (153 * marchMonth + 2) / 5 + 1)
    }

    private static func floorDivide(_ value: Int64, _ by: Int64) -> (Int64, Int64) {
        let remainder = value % by
        return remainder < 0 ? (value / by - 1, remainder + by) : (value / by, remainder)
    }

    private static func append(_ value: Int64, _ digits: Int, _ mark: Unicode.Scalar, to text: inout [UInt8]) {
        var divisor: Int64 = 1
        for _ in 1..<digits { divisor *= 10 }
        while divisor > 0 {
            text.append(0x30 + UInt8(truncatingIfNeeded: value / divisor % 10))
            divisor /= 10
        }
        text.append(UInt8(ascii: mark))
    }
}
