import Glibc

/// Moments as the person at the terminal reads a clock.
public struct LocalTime: Sendable {
    private let calendar: @Sendable (_ unixSeconds: Int) -> tm

    private init(calendar: @escaping @Sendable (Int) -> tm) {
        self.calendar = calendar
    }

    /// By `$TZ` or the machine's time zone.
    public static let system = LocalTime { seconds in
        var seconds = seconds
        var parts = tm()
        localtime_r(&seconds, &parts)
        return parts
    }

    public static let utc = LocalTime { seconds in
        var seconds = seconds
        var parts = tm()
        gmtime_r(&seconds, &parts)
        return parts
    }

    /// `2026-11-22`
    ///
    /// - Parameter microseconds: since 1970, as everywhere here.
    func date(_ microseconds: Int64) -> String {
        text(microseconds, "%Y-%m-%d")
    }

    /// `14:03:12.345`
    func clock(_ microseconds: Int64) -> String {
        let milliseconds = String(Int(Self.floor(microseconds, 1000) - Self.floor(microseconds, 1_000_000) * 1000))
        return text(microseconds, "%H:%M:%S") + "." + String(repeating: "0", count: 3 - milliseconds.count)
            + milliseconds
    }

    /// `2026-11-22 14:03:12`
    func dateAndTime(_ microseconds: Int64) -> String {
        text(microseconds, "%Y-%m-%d %H:%M:%S")
    }

    private func text(_ microseconds: Int64, _ format: String) -> String {
        var parts = calendar(Int(Self.floor(microseconds, 1_000_000)))
        var buffer = [CChar](repeating: 0, count: 64)
        let count = strftime(&buffer, buffer.count, format, &parts)
        return String(decoding: buffer.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    private static func floor(_ value: Int64, _ by: Int64) -> Int64 {
        value / by - (value % by < 0 ? 1 : 0)
    }
}
