/// Reads the fields of one protobuf message from memory that somebody else holds. Nothing is copied: what is
/// length-delimited is a range.
///
/// ```
/// var reader = ProtobufReader(bytes)
/// while let tag = reader.tag() {
///     switch tag {
///     case ProtobufTag.bytes(2): body = reader.lengthDelimited()
///     default: reader.skip(tag)
///     }
/// }
/// if reader.isDamaged { … }
/// ```
///
/// Errors, after which every call returns nil or 0: field number 0 or above 2^29-1, groups and unknown wire types, a varint
/// of more than ten bytes, a length beyond the end.
public struct ProtobufReader {
    @usableFromInline let start: UnsafePointer<UInt8>
    /// Offset of the next byte from the beginning of the bytes.
    public internal(set) var position: Int
    public let end: Int
    public internal(set) var isDamaged = false

    /// Reads the message in `range` of `bytes`, or all of them. A range beyond the bytes is cut.
    public init(_ bytes: UnsafeRawBufferPointer, in range: Range<Int>? = nil) {
        // An empty buffer may have no address; nothing is read from this one.
        let address = bytes.baseAddress ?? UnsafeRawPointer(bitPattern: 8).unsafelyUnwrapped
        start = address.assumingMemoryBound(to: UInt8.self)
        let range = (range ?? 0..<bytes.count).clamped(to: 0..<bytes.count)
        position = range.lowerBound
        end = range.upperBound
    }

    @inline(__always)
    init(start: UnsafePointer<UInt8>, from position: Int, to end: Int) {
        self.start = start
        self.position = position
        self.end = end
    }

    /// Field number and wire type of the next field: number << 3 | type. Nil at the end or at damage.
    @inline(__always)
    public mutating func tag() -> UInt32? {
        guard position < end else { return nil }
        let tag = varint()
        let type = tag & 7
        guard !isDamaged, tag >= 8, tag <= UInt64(UInt32.max), type <= 2 || type == 5 else {
            isDamaged = true
            return nil
        }
        return UInt32(truncatingIfNeeded: tag)
    }

    @inline(__always)
    public mutating func varint() -> UInt64 {
        if !isDamaged, position < end, start[position] < 0x80 {
            position &+= 1
            return UInt64(start[position &- 1])
        }
        return longVarint()
    }

    /// Bits above the 64th are dropped.
    @inline(never)
    private mutating func longVarint() -> UInt64 {
        guard !isDamaged else { return 0 }
        var value: UInt64 = 0
        for index in 0..<10 {
            guard position < end else { break }
            let byte = start[position]
            position += 1
            value |= UInt64(byte & 0x7F) << UInt64(7 * index)
            if byte < 0x80 { return value }
        }
        isDamaged = true
        return 0
    }

    /// The bytes of a field of wire type 2.
    @inline(__always)
    public mutating func lengthDelimited() -> Range<Int>? {
        let length = varint()
        guard !isDamaged, length <= UInt64(end &- position) else {
            isDamaged = true
            return nil
        }
        let from = position
        position = from &+ Int(truncatingIfNeeded: length)
        return Range(uncheckedBounds: (from, position))
    }

    /// Little-endian.
    public mutating func fixed32() -> UInt32 {
        guard !isDamaged, end - position >= 4 else {
            isDamaged = true
            return 0
        }
        defer { position += 4 }
        return UInt32(littleEndian: UnsafeRawPointer(start + position).loadUnaligned(as: UInt32.self))
    }

    /// Passes the value of a field that is not wanted.
    public mutating func skip(_ tag: UInt32) {
        switch tag & 7 {
        case 0: _ = varint()
        case 1: advance(by: 8)
        case 2: _ = lengthDelimited()
        case 5: advance(by: 4)
        default: isDamaged = true
        }
    }

    private mutating func advance(by count: Int) {
        if !isDamaged, end - position >= count {
            position += count
        } else {
            isDamaged = true
        }
    }
}

/// Tags as they stand before a field's value.
public enum ProtobufTag {
    @inline(__always)
    public static func varint(_ number: UInt32) -> UInt32 { number << 3 }
    @inline(__always)
    public static func bytes(_ number: UInt32) -> UInt32 { number << 3 | 2 }
    @inline(__always)
    public static func fixed32(_ number: UInt32) -> UInt32 { number << 3 | 5 }
}
