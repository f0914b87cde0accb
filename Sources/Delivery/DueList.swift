/// What is to happen at certain times. Looking whether something is due costs nothing until it is.
struct DueList<Item: Sendable>: Sendable {
    private var items: [(due: Duration, item: Item)] = []
    /// Of the earliest; nil when there is nothing.
    private(set) var earliest: Duration?

    mutating func add(_ item: Item, due: Duration) {
        items.append((due, item))
        earliest = min(earliest ?? due, due)
    }

    /// Takes out what is due, the earliest first.
    mutating func takeDue(now: Duration) -> [Item] {
        guard let earliest, earliest <= now else { return [] }
        let due = items.filter { $0.due <= now }.sorted { $0.due < $1.due }
        items.removeAll { $0.due <= now }
        self.earliest = items.map(\.due).min()
        return due.map(\.item)
    }
}
