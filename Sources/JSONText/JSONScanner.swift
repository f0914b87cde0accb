/// Walks over JSON text (RFC 8259) in memory that somebody else holds, checks it, and says where things are. It copies and
/// allocates nothing, so that the sender's bytes can be handed on as they came.
///
/// Strict where the RFC is: no trailing comma, no raw control character in a string, numbers by the grammar (of any size,
/// `1e400` too), UTF-8 in strings. A lone surrogate escape (`"\ud83d"`) is legal text and passes. Nesting is limited by
/// `maximumDepth`, not by the stack.
///
/// The bytes must outlive the scanner. After a failed call `position` is near the fault and the scanner is of no more use.
public struct JSONScanner {
    public static let defaultMaximumDepth = 10_000

    @usableFromInline let base: UnsafePointer<UInt8>
    @usableFromInline let limit: UnsafePointer<UInt8>
    @usableFromInline var cursor: UnsafePointer<UInt8>
    @usableFromInline let maximumDepth: Int
    /// A line feed or carriage return stood between tokens passed so far. May be set back by the caller.
    public var sawLineBreak = false

    /// Starts at `offset` (0...count). The text ends with `bytes`.
    @inlinable
    public init(_ bytes: UnsafeRawBufferPointer, from offset: Int = 0, maximumDepth: Int = defaultMaximumDepth) {
        // An empty buffer may have no address; this one is only compared, never read.
        let start = bytes.baseAddress ?? UnsafeRawPointer(bitPattern: 8).unsafelyUnwrapped
        base = start.assumingMemoryBound(to: UInt8.self)
        limit = base + bytes.count
        cursor = base + min(max(offset, 0), bytes.count)
        self.maximumDepth = maximumDepth
    }

    /// Offset of the next byte from the beginning of the bytes.
    @inlinable public var position: Int { cursor - base }

    @inlinable public var isAtEnd: Bool { cursor == limit }

    /// The next byte; 0 (which is no JSON) at the end.
    @inlinable public var next: UInt8 {
        @inline(__always) get { cursor < limit ? cursor.pointee : 0 }
    }

    /// Passes the next byte if it is `byte`.
    @inlinable @inline(__always)
    public mutating func pass(_ byte: UInt8) -> Bool {
        guard cursor < limit, cursor.pointee == byte else { return false }
        cursor += 1
        return true
    }

    /// Passes blanks, tabs, line feeds and carriage returns.
    @inlinable @inline(__always)
    public mutating func skipWhitespace() {
        if cursor < limit, cursor.pointee <= 0x20 {
            cursor = Self.afterWhitespace(cursor, limit, &sawLineBreak)
        }
    }

    /// Passes a string that begins here; the range between its quotes, escapes as they are. Nil: no legal string.
    @inlinable @inline(__always)
    public mutating func string() -> Range<Int>? {
        guard cursor < limit, cursor.pointee == 0x22 else { return nil }
        let start = cursor + 1
        guard let quote = Self.closingQuote(start, limit) else { return nil }
        cursor = quote + 1
        return Range(uncheckedBounds: (start - base, quote - base))
    }

    /// Passes a number that begins here. False: no legal number.
    @inlinable
    public mutating func number() -> Bool {
        guard let end = Self.afterNumber(cursor, limit) else { return false }
        cursor = end
        return true
    }

    @inlinable @inline(never)
    static func afterWhitespace(
        _ start: UnsafePointer<UInt8>, _ limit: UnsafePointer<UInt8>, _ sawLineBreak: inout Bool
    ) -> UnsafePointer<UInt8> {
        var at = start
        while at < limit {
            switch at.pointee {
            case 0x20, 0x09: break
            case 0x0A, 0x0D: sawLineBreak = true
            default: return at
            }
            at += 1
        }
        return at
    }

    /// `-? (0 | [1-9][0-9]*) (\.[0-9]+)? ([eE][+-]?[0-9]+)?`
    @inlinable @inline(__always)
    static func afterNumber(
        _ start: UnsafePointer<UInt8>, _ limit: UnsafePointer<UInt8>
    ) -> UnsafePointer<UInt8>? {
        var at = start
        if at < limit, at.pointee == 0x2D { at += 1 }
        guard at < limit else { return nil }
        if at.pointee == 0x30 {
            at += 1
        } else {
            guard let end = afterDigits(at, limit) else { return nil }
            at = end
        }
        if at < limit, at.pointee == 0x2E {
            guard let end = afterDigits(at + 1, limit) else { return nil }
            at = end
        }
        if at < limit, at.pointee | 0x20 == 0x65 {
            at += 1
            if at < limit, at.pointee == 0x2B || at.pointee == 0x2D { at += 1 }
            guard let end = afterDigits(at, limit) else { return nil }
            at = end
        }
        return at
    }

    @inlinable @inline(__always)
    static func afterDigits(
        _ start: UnsafePointer<UInt8>, _ limit: UnsafePointer<UInt8>
    ) -> UnsafePointer<UInt8>? {
        var at = start
        while at < limit, at.pointee &- 0x30 < 10 { at += 1 }
        return at == start ? nil : at
    }
}
