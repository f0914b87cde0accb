import JSONText

/// Points in time as portals write them: ATOM (`2017-06-28T12:04:00+02:00`, the profile of RFC 3339 that PHP calls so)
/// or Unix seconds, as a number or as a string.
public enum Timestamp {
    /// The last second of the year 9999.
    static let maximum: Int64 = 253_402_300_799

    /// Unix seconds; nil if `text` is no point in time. Taken besides the usual form: `Z`, lower-case letters, a blank
    /// for `T`, offsets without colon or minutes, fractions of a second (cut off), a leap second, blanks around.
    public static func parse(_ text: String) -> Int64? {
        var reader = Reader(bytes: Array(text.utf8.prefix(64)))
        reader.skipBlanks()
        guard let value = reader.unixSeconds() ?? reader.dateAndTime() else { return nil }
        reader.skipBlanks()
        return reader.isAtEnd && text.utf8.count <= 64 ? value : nil
    }

    static func parse(_ value: JSONValue?) -> Int64? {
        switch value {
        case .string(let text), .number(let text): parse(text)
        default: nil
        }
    }

    /// Days since 1970 of a date in the Gregorian calendar (Hinnant's "days from civil"; the year counts from March).
    static func days(year: Int, month: Int, day: Int) -> Int {
        let shifted = month <= 2 ? year - 1 : year
        let era = shifted / 400
        let yearOfEra = shifted - era * 400
        let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }

    static func daysInMonth(_ month: Int, year: Int) -> Int {
        switch month {
        case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }
}

private struct Reader {
    let bytes: [UInt8]
    var index = 0

    var isAtEnd: Bool { index == bytes.count }

    mutating func skipBlanks() {
        while index < bytes.count, bytes[index] == 0x20 || 0x09...0x0D ~= bytes[index] { index += 1 }
    }

    /// Digits up to the end, perhaps with a fraction. Puts the index back if that is not what stands there.
    mutating func unixSeconds() -> Int64? {
        let start = index
        while index < bytes.count, isDigit(bytes[index]) { index += 1 }
        let digits = bytes[start..<index]
        skipFraction()
        let end = index
        skipBlanks()
        // Longer ones are milliseconds or nonsense.
        guard isAtEnd, 1...12 ~= digits.count else {
            index = start
            return nil
        }
        index = end
        let value = digits.reduce(Int64(0)) { $0 * 10 + Int64($1 - 0x30) }
        return value <= Timestamp.maximum ? value : nil
    }

    mutating func dateAndTime() -> Int64? {
        guard let year = number(4), take("-"), let month = number(2), take("-"), let day = number(2),
            take("T") || take("t") || take(" "),
            let hour = number(2), take(":"), let minute = number(2), take(":"), let second = number(2),
            year >= 1970, 1...12 ~= month, 1...Timestamp.daysInMonth(month, year: year) ~= day,
            hour <= 23, minute <= 59, second <= 60
        else { return nil }
        skipFraction()
        guard let offset = offset() else { return nil }
        let days = Timestamp.days(year: year, month: month, day: day)
        let seconds = Int64(days) * 86_400 + Int64(hour * 3600 + minute * 60 + second) - Int64(offset)
        return 0...Timestamp.maximum ~= seconds ? seconds : nil
    }

    /// Seconds east of Greenwich.
    private mutating func offset() -> Int? {
        if take("Z") || take("z") { return 0 }
        let isEast = take("+")
        guard isEast || take("-"), let hours = number(2), hours <= 23 else { return nil }
        var minutes = 0
        if take(":") || (index < bytes.count && isDigit(bytes[index])) {
            guard let number = number(2), number <= 59 else { return nil }
            minutes = number
        }
        return (hours * 3600 + minutes * 60) * (isEast ? 1 : -1)
    }

    private mutating func skipFraction() {
        guard index + 1 < bytes.count, bytes[index] == 0x2E || bytes[index] == 0x2C, isDigit(bytes[index + 1]) else {
            return
        }
        index += 1
        while index < bytes.count, isDigit(bytes[index]) { index += 1 }
    }

    private mutating func number(_ count: Int) -> Int? {
        guard index + count <= bytes.count, bytes[index..<(index + count)].allSatisfy(isDigit) else { return nil }
        defer { index += count }
        return bytes[index..<(index + count)].reduce(0) { $0 * 10 + Int($1 - 0x30) }
    }

    private mutating func take(_ character: Character) -> Bool {
        guard index < bytes.count, character.asciiValue == bytes[index] else { return false }
        index += 1
        return true
    }

    private func isDigit(_ byte: UInt8) -> Bool { byte &- 0x30 <= 9 }
}
