/// Writes the fields of protobuf messages, in the order of the calls. Default values (0, empty) are left out by the caller,
/// where they shall be.
public struct ProtobufWriter: Sendable {
    public private(set) var bytes: [UInt8] = []

    public init() {}

    public mutating func varint(_ number: UInt32, _ value: UInt64) {
        append(varint: UInt64(ProtobufTag.varint(number)))
        append(varint: value)
    }

    /// Little-endian.
    public mutating func fixed32(_ number: UInt32, _ value: UInt32) {
        append(varint: UInt64(ProtobufTag.fixed32(number)))
        withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
    }

    public mutating func bytes(_ number: UInt32, _ content: some Collection<UInt8>) {
        append(varint: UInt64(ProtobufTag.bytes(number)))
        append(varint: UInt64(content.count))
        bytes.append(contentsOf: content)
    }

    /// An embedded message, written by `content`.
    public mutating func message(_ number: UInt32, _ content: (inout ProtobufWriter) -> Void) {
        var inner = ProtobufWriter()
        content(&inner)
        bytes(number, inner.bytes)
    }

    private mutating func append(varint value: UInt64) {
        var value = value
        while value >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: value) | 0x80)
            value >>= 7
        }
        bytes.append(UInt8(truncatingIfNeeded: value))
    }
}
