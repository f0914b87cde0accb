extension Duration {
    /// A whole number and its unit: `250ms`, `20s`, `10m`, `2h`, `1d`. Nil for anything else, and for more than
    /// fits into 292 years.
    init?(settings text: String) {
        guard let unitStart = text.firstIndex(where: { !("0"..."9").contains($0) }) else { return nil }
        let factors: [Substring: Int64] = ["ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000]
        guard let number = Int64(text[..<unitStart]), let factor = factors[text[unitStart...]] else { return nil }
        let (milliseconds, overflow) = number.multipliedReportingOverflow(by: factor)
        if overflow { return nil }
        self = .milliseconds(milliseconds)
    }
}
