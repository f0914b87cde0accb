/// Checks that bytes are UTF-8 (RFC 3629; RFC 6455 8.1), piece by piece and failing at the first byte that cannot be
/// right: shortest forms only, no surrogates, nothing above U+10FFFF.
///
/// Runs of ASCII go by 64 bytes. Everything else goes through an automaton whose step is one load and one shift, with
/// no branch that the text could make the processor guess wrong.
struct UTF8Validator: Sendable {
    private var state = UTF8Automaton.boundary

    /// No character is begun and not ended.
    var isAtBoundary: Bool { state & 63 == UTF8Automaton.boundary }

    /// Whether a whole text is valid.
    static func isValid(_ text: UnsafeRawBufferPointer) -> Bool {
        guard let start = text.baseAddress else { return true }
        var validator = UTF8Validator()
        return validator.accept(start, count: text.count) && validator.isAtBoundary
    }

    /// Takes the next bytes. After false the validator is of no use.
    mutating func accept(_ start: UnsafeRawPointer, count: Int) -> Bool {
        var cursor = start
        let end = start + count
        if isAtBoundary {
            Self.skipASCII(&cursor, end)
            if cursor == end { return true }
        }
        return UTF8Automaton.table.withUnsafeBufferPointer { table in
            var state = state
            while cursor < end {
                let stop = cursor + min(end - cursor, 32)
                while cursor < stop {
                    state = table[Int(cursor.load(as: UInt8.self))] &>> state
                    cursor += 1
                }
                if state & 63 == UTF8Automaton.boundary {
                    Self.skipASCII(&cursor, end)
                } else if state & 63 == UTF8Automaton.failed {
                    return false
                }
            }
            self.state = state
            return true
        }
    }

    private static let highBits: UInt64 = 0x8080_8080_8080_8080

    /// Moves over ASCII in blocks, and over all of it if nothing else follows.
    @inline(__always)
    private static func skipASCII(_ cursor: inout UnsafeRawPointer, _ end: UnsafeRawPointer) {
        while end - cursor >= 64 {
            let a = cursor.loadUnaligned(as: SIMD2<UInt64>.self)
            let b = cursor.loadUnaligned(fromByteOffset: 16, as: SIMD2<UInt64>.self)
            let c = cursor.loadUnaligned(fromByteOffset: 32, as: SIMD2<UInt64>.self)
            let d = cursor.loadUnaligned(fromByteOffset: 48, as: SIMD2<UInt64>.self)
            let all = (a | b) | (c | d)
            if (all[0] | all[1]) & highBits != 0 { return }
            cursor += 64
        }
        while end - cursor >= 8 {
            if cursor.loadUnaligned(as: UInt64.self) & highBits != 0 { return }
            cursor += 8
        }
        while cursor < end {
            if cursor.load(as: UInt8.self) >= 0x80 { return }
            cursor += 1
        }
    }
}

/// The automaton of RFC 3629 section 4. A state is the offset of a six-bit field; the entry of a byte holds, in the field
/// of each state, the state that follows: `next = table[byte] >> state`, of which the lowest six bits count.
enum UTF8Automaton {
    static let failed: UInt64 = 0
    static let boundary: UInt64 = 6
    /// One, two or three continuation bytes must follow.
    private static let one: UInt64 = 12
    private static let two: UInt64 = 18
    private static let three: UInt64 = 24
    /// After E0, ED, F0 and F4, whose second byte has a narrower range.
    private static let afterE0: UInt64 = 30
    private static let afterED: UInt64 = 36
    private static let afterF0: UInt64 = 42
    private static let afterF4: UInt64 = 48

    /// Fields that are not set lead to `failed`, from where nothing leads away.
    static let table: [UInt64] = (0...255).map { byte in
        switch byte {
        case 0x00...0x7F: boundary << boundary
        case 0x80...0xBF:
            boundary << one | one << two | two << three
                | (byte >= 0xA0 ? one << afterE0 : one << afterED)
                | (byte >= 0x90 ? two << afterF0 : two << afterF4)
        case 0xC2...0xDF: one << boundary
        case 0xE0: afterE0 << boundary
        case 0xED: afterED << boundary
        case 0xE1...0xEF: two << boundary
        case 0xF0: afterF0 << boundary
        case 0xF1...0xF3: three << boundary
        case 0xF4: afterF4 << boundary
        default: failed
        }
    }
}
