/// Figures of many measurements.
public struct Distribution: Sendable {
    private let sorted: [Double]

    public init(_ values: some Sequence<Double>) {
        sorted = values.sorted()
    }

    public var count: Int { sorted.count }
    public var isEmpty: Bool { sorted.isEmpty }
    public var most: Double { sorted.last ?? 0 }

    /// The value that so many of a hundred do not exceed (nearest rank). 0 when there is none.
    public func percentile(_ percent: Double) -> Double {
        guard !sorted.isEmpty else { return 0 }
        let rank = Int((percent / 100 * Double(sorted.count)).rounded(.up))
        return sorted[min(max(rank, 1), sorted.count) - 1]
    }
}
