/// Bytes for people.
enum ByteCount {
    static func text(_ count: UInt64) -> String {
        var (number, unit) = (Double(count), 0)
        let units = ["bytes", "KiB", "MiB", "GiB", "TiB"]
        while number >= 1024, unit < units.count - 1 { (number, unit) = (number / 1024, unit + 1) }
        let tenths = Int((number * 10).rounded())
        let text = unit == 0 || tenths >= 100 ? "\(tenths / 10)" : "\(tenths / 10).\(tenths % 10)"
        return "\(text) \(units[unit])"
    }
}

/// A length of time for people, in its two largest units.
enum TimeSpan {
    /// - Parameter seconds: not negative.
    static func text(_ seconds: Double) -> String {
        let whole = Int(max(0, min(seconds, 1e12)).rounded())
        let (days, hours, minutes) = (whole / 86_400, whole / 3600 % 24, whole / 60 % 60)
        if days >= 2 { return "\(days) days" }
        if whole >= 3600 { return minutes == 0 ? "\(days * 24 + hours) h" : "\(days * 24 + hours) h \(minutes) min" }
        if whole >= 120 { return "\(whole / 60) min" }
        return "\(whole) s"
    }
}
