import Events

/// Writes what the journal keeps as bytes: numbers little-endian, varints as in protobuf (7 bits a byte, lowest first),
/// texts and blobs with a varint of their length before them.
struct StoredBytesWriter {
    private(set) var bytes: [UInt8] = []

    init(capacity: Int = 0) {
        bytes.reserveCapacity(capacity)
    }

    mutating func write(_ value: UInt8) {
        bytes.append(value)
    }

    mutating func write(_ value: UInt16) {
        bytes.append(UInt8(truncatingIfNeeded: value))
        bytes.append(UInt8(truncatingIfNeeded: value &>> 8))
    }

    mutating func write(_ value: UInt32) {
        withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
    }

    mutating func write(_ value: UInt64) {
        withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
    }

    mutating func write(_ value: Double) {
        write(value.bitPattern)
    }

    mutating func writeVarint(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(truncatingIfNeeded: rest))
    }

    /// Small numbers of either sign take few bytes: 0, -1, 1, -2, …
    mutating func writeSigned(_ value: Int64) {
        writeVarint(UInt64(bitPattern: value &<< 1 ^ value &>> 63))
    }

    mutating func write(_ text: String) {
        var text = text
        text.withUTF8 { utf8 in
            writeVarint(UInt64(utf8.count))
            bytes.append(contentsOf: utf8)
        }
    }

    mutating func write(_ blob: [UInt8]) {
        writeVarint(UInt64(blob.count))
        bytes.append(contentsOf: blob)
    }

    /// Without its length.
    mutating func append(_ blob: [UInt8]) {
        bytes.append(contentsOf: blob)
    }

    /// 16 bytes.
    mutating func write(_ id: MessageID) {
        write(id.generation)
        write(id.counter)
    }
}

/// What was read is not what a `StoredBytesWriter` writes.
struct UnreadableBytes: Error {}

/// Reads what a `StoredBytesWriter` wrote. Whatever the bytes are, it ends with a value or an error.
struct StoredBytesReader {
    private let bytes: UnsafeRawBufferPointer
    private(set) var position = 0

    init(_ bytes: UnsafeRawBufferPointer) {
        self.bytes = bytes
    }

    var remaining: Int { bytes.count - position }

    mutating func byte() throws(UnreadableBytes) -> UInt8 {
        guard position < bytes.count else { throw UnreadableBytes() }
        defer { position += 1 }
        return bytes[position]
    }

    mutating func uint16() throws(UnreadableBytes) -> UInt16 {
        UInt16(littleEndian: try load(UInt16.self))
    }

    mutating func uint32() throws(UnreadableBytes) -> UInt32 {
        UInt32(littleEndian: try load(UInt32.self))
    }

    mutating func uint64() throws(UnreadableBytes) -> UInt64 {
        UInt64(littleEndian: try load(UInt64.self))
    }

    mutating func double() throws(UnreadableBytes) -> Double {
        Double(bitPattern: try uint64())
    }

    mutating func varint() throws(UnreadableBytes) -> UInt64 {
        var value: UInt64 = 0
        var shift: UInt64 = 0
        while true {
            let byte = try byte()
            // The tenth byte has room for one bit.
            if shift == 63, byte > 1 { throw UnreadableBytes() }
            value |= UInt64(byte & 0x7F) &<< shift
            if byte < 0x80 { return value }
            shift += 7
        }
    }

    mutating func signed() throws(UnreadableBytes) -> Int64 {
        let value = try varint()
        return Int64(bitPattern: value &>> 1) ^ -Int64(bitPattern: value & 1)
    }

    /// A varint that says how many bytes or things follow, each at least a byte long.
    mutating func count() throws(UnreadableBytes) -> Int {
        let count = try varint()
        guard count <= UInt64(remaining) else { throw UnreadableBytes() }
        return Int(count)
    }

    mutating func text() throws(UnreadableBytes) -> String {
        String(decoding: try slice(count()), as: UTF8.self)
    }

    mutating func blob() throws(UnreadableBytes) -> [UInt8] {
        [UInt8](try slice(count()))
    }

    mutating func slice(_ count: Int) throws(UnreadableBytes) -> UnsafeRawBufferPointer {
        guard count >= 0, count <= remaining else { throw UnreadableBytes() }
        defer { position += count }
        return UnsafeRawBufferPointer(rebasing: bytes[position..<position + count])
    }

    mutating func messageID() throws(UnreadableBytes) -> MessageID {
        let generation = try uint64()
        let counter = try uint64()
        guard generation < 10_000_000_000, counter < 10_000_000_000_000_000 else { throw UnreadableBytes() }
        return MessageID(generation: generation, counter: counter)
    }

    private mutating func load<Value: FixedWidthInteger>(_ type: Value.Type) throws(UnreadableBytes) -> Value {
        guard remaining >= MemoryLayout<Value>.size else { throw UnreadableBytes() }
        defer { position += MemoryLayout<Value>.size }
        return bytes.loadUnaligned(fromByteOffset: position, as: type)
    }
}

extension [UInt8] {
    /// Reads all of it, or throws.
    func readStored<Value>(
        _ read: (inout StoredBytesReader) throws(UnreadableBytes) -> Value
    ) throws(UnreadableBytes) -> Value {
        let result: Result<Value, UnreadableBytes> = withUnsafeBytes { bytes in
            var reader = StoredBytesReader(bytes)
            do throws(UnreadableBytes) {
                let value = try read(&reader)
                return reader.remaining == 0 ? .success(value) : .failure(UnreadableBytes())
            } catch {
                return .failure(error)
            }
        }
        return try result.get()
    }
}
