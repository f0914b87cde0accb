import Events

/// Marks of one portal, packed: about 10 bytes each.
///
/// ```
///  block:  1 │ marks (varint) │ mark …
///          version
///  mark:   has an id (8 bits) │ [generation, counter: signed differences to the id before it] │ hash (64 bits)
/// ```
///
/// Marks without an id stand first, the others by id.
struct SeenBlock: Hashable {
    /// A block that has more gets no further ones. Packed, it is then about a third of a page.
    static let capacity = 128
    private static let version: UInt8 = 1

    var marks: [SeenMark]

    init(_ marks: [SeenMark] = []) {
        self.marks = marks
    }

    var lowest: MessageID? { marks.lazy.compactMap(\.id).min() }
    var highest: MessageID? { marks.lazy.compactMap(\.id).max() }

    var content: [UInt8] {
        var writer = StoredBytesWriter(capacity: marks.count * 12 + 32)
        writer.write(Self.version)
        writer.writeVarint(UInt64(marks.count))
        var generation: Int64 = 0
        var counter: Int64 = 0
        for mark in marks.sorted(by: Self.isBefore) {
            writer.write(mark.id == nil ? 0 : 1 as UInt8)
            if let id = mark.id {
                writer.writeSigned(Int64(id.generation) - generation)
                writer.writeSigned(Int64(id.counter) - counter)
                generation = Int64(id.generation)
                counter = Int64(id.counter)
            }
            writer.write(mark.hash)
        }
        return writer.bytes
    }

    init(content: [UInt8]) throws(UnreadableBytes) {
        marks = try content.readStored { (reader) throws(UnreadableBytes) in
            guard try reader.byte() == Self.version else { throw UnreadableBytes() }
            let count = try reader.count()
            var marks: [SeenMark] = []
            marks.reserveCapacity(count)
            var generation: Int64 = 0
            var counter: Int64 = 0
            for _ in 0..<count {
                var id: MessageID?
                if try reader.byte() == 1 {
                    // Both stay far from the bounds of 64 bits: each result is checked.
                    generation &+= try reader.signed()
                    counter &+= try reader.signed()
                    guard (0..<10_000_000_000).contains(generation),
                        (0..<10_000_000_000_000_000).contains(counter)
                    else { throw UnreadableBytes() }
                    id = MessageID(generation: UInt64(generation), counter: UInt64(counter))
                }
                marks.append(SeenMark(id: id, hash: try reader.uint64()))
            }
            return marks
        }
    }

    private static func isBefore(_ left: SeenMark, _ right: SeenMark) -> Bool {
        guard let leftID = left.id else { return right.id != nil }
        guard let rightID = right.id else { return false }
        return leftID < rightID
    }
}

extension MessageID {
    /// 12 bytes whose order is the order of ids: generation (5 bytes) and counter (7 bytes), highest byte first.
    var sortable: [UInt8] {
        (0..<5).map { UInt8(truncatingIfNeeded: generation >> UInt64(32 - 8 * $0)) }
            + (0..<7).map { UInt8(truncatingIfNeeded: counter >> UInt64(48 - 8 * $0)) }
    }
}
