/// First in, first out, with a look at any place. Taking from the front moves nothing.
struct Queue<Element: Sendable>: Sendable {
    private var elements: [Element?] = []
    private var head = 0

    var count: Int { elements.count - head }
    var isEmpty: Bool { count == 0 }
    var first: Element? { isEmpty ? nil : elements[head] }
    var last: Element? { isEmpty ? nil : elements[elements.count - 1] }

    /// Counted from the front; nil beyond the end.
    subscript(place: Int) -> Element? {
        get { 0..<count ~= place ? elements[head + place] : nil }
        set { if 0..<count ~= place { elements[head + place] = newValue } }
    }

    mutating func append(_ element: Element) {
        elements.append(element)
    }

    mutating func popFirst() -> Element? {
        guard head < elements.count else { return nil }
        let element = elements[head]
        // What is not there any more holds no memory.
        elements[head] = nil
        head += 1
        if head == elements.count {
            elements.removeAll(keepingCapacity: elements.capacity <= 1024)
            head = 0
        } else if head >= 64, head * 2 >= elements.count {
            elements.removeFirst(head)
            head = 0
        }
        return element
    }

    /// Puts them before the first one, in their order.
    mutating func prepend(_ new: [Element]) {
        elements.replaceSubrange(..<head, with: new.map(Optional.some))
        head = 0
    }

    mutating func removeAll() {
        elements = []
        head = 0
    }

    /// Takes the element out of its place.
    mutating func remove(at place: Int) -> Element? {
        if place == 0 { return popFirst() }
        return 0..<count ~= place ? elements.remove(at: head + place) : nil
    }
}
