internal import Glibc

/// Moments as RFC 3339, section 5.6, in UTC and whole seconds: `2026-11-22T09:00:00Z`.
public enum MomentText {
    /// - Parameter seconds: Unix seconds; cut off at the years 1970 and 9999.
    public static func text(_ seconds: Double) -> String {
        var whole = time_t(min(max(0, seconds.isFinite ? seconds.rounded(.down) : 0), 253_402_300_799))
        var parts = tm()
        gmtime_r(&whole, &parts)
        var buffer = [CChar](repeating: 0, count: 32)
        let count = strftime(&buffer, buffer.count, "%Y-%m-%dT%H:%M:%SZ", &parts)
        return String(decoding: buffer.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// Unix seconds of a text of just that form; nil for another.
    public static func seconds(_ text: String) -> Double? {
        let bytes = Array(text.utf8)
        guard bytes.count == 20, bytes[19] == UInt8(ascii: "Z") else { return nil }
        func number(_ range: Range<Int>) -> Int32? {
            guard bytes[range].allSatisfy({ 0x30...0x39 ~= $0 }) else { return nil }
            return Int32(String(decoding: bytes[range], as: UTF8.self))
        }
        var parts = tm()
        guard let year = number(0..<4), let month = number(5..<7), let day = number(8..<10), let hour = number(11..<13),
            let minute = number(14..<16), let second = number(17..<19)
        else { return nil }
        parts.tm_year = year - 1900
        parts.tm_mon = month - 1
        parts.tm_mday = day
        parts.tm_hour = hour
        parts.tm_min = minute
        parts.tm_sec = second
        let seconds = Double(timegm(&parts))
        return Self.text(seconds) == text ? seconds : nil
    }
}
