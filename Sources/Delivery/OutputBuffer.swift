import Glibc

/// Bytes on their way to a sink, in memory that is kept from one use to the next. Formatting events writes through raw
/// pointers into it: checks and growth happen once an event, not once a byte.
public struct OutputBuffer: ~Copyable {
    private var base: UnsafeMutablePointer<UInt8>
    private var capacity: Int
    public private(set) var count = 0

    /// What `removeAll` keeps: an unusual event does not hold its memory for ever.
    private static let keptCapacity = 1024 * 1024

    public init(capacity: Int = 64 * 1024) {
        self.capacity = max(64, capacity)
        base = .allocate(capacity: self.capacity)
    }

    deinit {
        base.deallocate()
    }

    public var isEmpty: Bool { count == 0 }

    public mutating func removeAll() {
        count = 0
        if capacity > Self.keptCapacity {
            base.deallocate()
            capacity = Self.keptCapacity
            base = .allocate(capacity: capacity)
        }
    }

    public func withUnsafeBytes<Result, Failure: Error>(
        _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try body(UnsafeRawBufferPointer(start: base, count: count))
    }

    /// Where the next byte goes, with room for at least `room` of them. To be followed by `commit`.
    @inline(__always)
    mutating func end(room: Int) -> UnsafeMutablePointer<UInt8> {
        if capacity - count < room { grow(room) }
        return base + count
    }

    /// Everything before `end` has been written.
    @inline(__always)
    mutating func commit(_ end: UnsafeMutablePointer<UInt8>) {
        count = end - base
    }

    mutating func append(_ byte: UInt8) {
        let end = end(room: 1)
        end.pointee = byte
        commit(end + 1)
    }

    mutating func append(_ bytes: [UInt8]) {
        let end = end(room: bytes.count)
        bytes.withUnsafeBufferPointer { bytes in
            if let base = bytes.baseAddress { end.update(from: base, count: bytes.count) }
        }
        commit(end + bytes.count)
    }

    /// Writes `byte` in the place of the last one, if there is one.
    mutating func replaceLast(_ byte: UInt8) {
        if count > 0 { base[count - 1] = byte }
    }

    @inline(never)
    private mutating func grow(_ room: Int) {
        let larger = max(capacity * 2, count + room)
        let target = UnsafeMutablePointer<UInt8>.allocate(capacity: larger)
        memcpy(target, base, count)
        base.deallocate()
        base = target
        capacity = larger
    }
}
