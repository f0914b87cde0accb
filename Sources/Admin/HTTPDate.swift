import Glibc

/// The form of dates in HTTP.
enum HTTPDate {
    /// IMF-fixdate for the header Date (RFC 9110, section 5.6.7).
    static func text(_ seconds: Double) -> String {
        var whole = time_t(max(0, seconds.isFinite ? seconds : 0))
        var parts = tm()
        gmtime_r(&whole, &parts)
        let days = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        var buffer = [CChar](repeating: 0, count: 32)
        let count = strftime(&buffer, buffer.count, "%H:%M:%S GMT", &parts)
        let clock = String(decoding: buffer.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self)
        let day = parts.tm_mday < 10 ? "0\(parts.tm_mday)" : "\(parts.tm_mday)"
        return
            "\(days[Int(parts.tm_wday) % 7]), \(day) \(months[Int(parts.tm_mon) % 12]) \(parts.tm_year + 1900) \(clock)"
    }
}
