extension Duration {
    /// A whole number and its unit: `250ms`, `20s`, `10m`, `2h`, `1d`. Nil for anything else, and for more than
    /// fits into 292 years.
    public init?(settings text: String) {
        guard let unitStart = text.firstIndex(where: { !("0"..."9").contains($0) }) else { return nil }
        let factors: [Substring: Int64] = ["ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000]
        guard let number = Int64(text[..<unitStart]), let factor = factors[text[unitStart...]] else { return nil }
        let (milliseconds, overflow) = number.multipliedReportingOverflow(by: factor)
        if overflow { return nil }
        self = .milliseconds(milliseconds)
    }
}

extension UInt64 {
    /// A whole number of bytes with its unit, a blank between them allowed: `512 KiB`, `100 MiB`, `1GiB`. Nil for anything
    /// else, and for what does not fit.
    init?(bytes text: String) {
        guard let unitStart = text.firstIndex(where: { !("0"..."9").contains($0) }) else { return nil }
        let factors: [Substring: UInt64] = ["B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40]
        let unit = text[unitStart...].first == " " ? text[unitStart...].dropFirst() : text[unitStart...]
        guard let number = UInt64(text[..<unitStart]), let factor = factors[unit] else { return nil }
        let (bytes, overflow) = number.multipliedReportingOverflow(by: factor)
        if overflow { return nil }
        self = bytes
    }
}
