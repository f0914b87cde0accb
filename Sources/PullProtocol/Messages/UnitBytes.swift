import Events
import Glibc
import JSONText

/// The bytes of one unit while it is decoded. Offsets count from its beginning; `base` is added where they go out.
struct UnitBytes {
    let start: UnsafePointer<UInt8>
    let count: Int
    let base: Int
    let isTruncated: Bool

    init(_ unit: UnsafeRawBufferPointer, base: Int, isTruncated: Bool) {
        // An empty buffer may have no address; nothing is read from this one.
        let start = unit.baseAddress ?? UnsafeRawPointer(bitPattern: 8).unsafelyUnwrapped
        self.start = start.assumingMemoryBound(to: UInt8.self)
        count = unit.count
        self.base = base
        self.isTruncated = isTruncated
    }

    /// Where text begins: behind a UTF-8 byte order mark.
    var beginning: Int { count >= 3 && has("\u{FEFF}", at: 0) ? 3 : 0 }

    @inline(__always)
    func byte(_ index: Int) -> UInt8 { start[index] }

    func buffer(_ range: Range<Int>) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: start + range.lowerBound, count: range.count)
    }

    /// As it goes out.
    @inline(__always)
    func range(_ from: Int, _ to: Int) -> ByteRange {
        ByteRange(start: UInt32(truncatingIfNeeded: base &+ from), end: UInt32(truncatingIfNeeded: base &+ to))
    }

    /// Back to an offset within the unit.
    func local(_ range: ByteRange) -> Range<Int> {
        Int(range.start) - base..<Int(range.end) - base
    }

    func text(_ range: ByteRange) -> String {
        range.isEmpty ? "" : String(decoding: buffer(local(range)), as: UTF8.self)
    }

    /// A scanner that stands at `index` and sees nothing from `end` on.
    @inline(__always)
    func scanner(at index: Int, end: Int) -> JSONScanner {
        JSONScanner(UnsafeRawBufferPointer(start: start, count: end), from: index)
    }

    /// Whether `literal` stands at `index`. The unit must be long enough.
    @inline(__always)
    func has(_ literal: StaticString, at index: Int) -> Bool {
        memcmp(start + index, literal.utf8Start, literal.utf8CodeUnitCount) == 0
    }

    @inline(__always)
    func afterWhitespace(_ index: Int) -> Int {
        var index = index
        while index < count, isWhitespace(start[index]) { index += 1 }
        return index
    }

    /// The end of `from..<to` without white space at its end.
    func beforeWhitespace(_ from: Int, _ to: Int) -> Int {
        var end = to
        while end > from, isWhitespace(start[end - 1]) { end -= 1 }
        return end
    }

    @inline(__always)
    private func isWhitespace(_ byte: UInt8) -> Bool {
        byte <= 0x20 && (byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09)
    }
}

/// The markers around an envelope.
extension UnitBytes {
    static let markerLength = 12

    @inline(__always)
    func hasStart(at index: Int) -> Bool {
        count - index >= Self.markerLength && has("#!NGINXNMS!#", at: index)
    }

    @inline(__always)
    func hasEnd(at index: Int) -> Bool {
        count - index >= Self.markerLength && has("#!NGINXNME!#", at: index)
    }

    func nextStart(from index: Int) -> Int? {
        var at = index
        while count - at >= Self.markerLength, let found = memchr(start + at, Int32(UInt8(ascii: "#")), count - at) {
            at = UnsafeRawPointer(found) - UnsafeRawPointer(start)
            if hasStart(at: at) { return at }
            at += 1
        }
        return nil
    }
}
