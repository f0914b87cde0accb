import PullProtocol

/// What a client or the portal sends in binary mode. Servers look at the first request of a batch only.
enum PublishRequest: Sendable {
    struct Message: Sendable {
        var receivers: [ChannelAddress] = []
        var body: [UInt8] = []
        var expiry: UInt32 = 0
    }

    case publish([Message])
    case statistics([ChannelAddress])

    /// Nil for bytes that are no batch, and for a batch without a known request.
    init?(_ bytes: [UInt8]) {
        let decoded = bytes.withUnsafeBytes { Self.decode($0) }
        guard let decoded else { return nil }
        self = decoded
    }

    private static func decode(_ bytes: UnsafeRawBufferPointer) -> PublishRequest? {
        var result: PublishRequest?
        guard let request = first(1, in: 0..<bytes.count, of: bytes) else { return nil }
        let isComplete = each(in: request, of: bytes) { tag, reader in
            switch tag {
            case ProtobufTag.bytes(1):
                guard let range = reader.lengthDelimited() else { return false }
                guard let messages = list(1, in: range, of: bytes, message) else { return false }
                result = .publish(messages)
            case ProtobufTag.bytes(2):
                guard let range = reader.lengthDelimited() else { return false }
                guard let channels = list(1, in: range, of: bytes, address) else { return false }
                result = .statistics(channels)
            default: reader.skip(tag)
            }
            return true
        }
        return isComplete ? result : nil
    }

    private static func message(_ range: Range<Int>, of bytes: UnsafeRawBufferPointer) -> Message? {
        var message = Message()
        guard let receivers = list(1, in: range, of: bytes, address) else { return nil }
        message.receivers = receivers
        let isComplete = each(in: range, of: bytes) { tag, reader in
            switch tag {
            case ProtobufTag.bytes(3): message.body = reader.lengthDelimited().map { Array(bytes[$0]) } ?? []
            case ProtobufTag.varint(4): message.expiry = UInt32(truncatingIfNeeded: reader.varint())
            default: reader.skip(tag)
            }
            return true
        }
        return isComplete ? message : nil
    }

    private static func address(_ range: Range<Int>, of bytes: UnsafeRawBufferPointer) -> ChannelAddress? {
        var address = ChannelAddress(id: [], signature: [])
        let isComplete = each(in: range, of: bytes) { tag, reader in
            switch tag {
            case ProtobufTag.bytes(1): address.id = reader.lengthDelimited().map { Array(bytes[$0]) } ?? []
            case ProtobufTag.varint(2): address.isPrivate = reader.varint() != 0
            case ProtobufTag.bytes(3): address.signature = reader.lengthDelimited().map { Array(bytes[$0]) } ?? []
            default: reader.skip(tag)
            }
            return true
        }
        return isComplete ? address : nil
    }

    private static func list<Element>(
        _ number: UInt32, in range: Range<Int>, of bytes: UnsafeRawBufferPointer,
        _ element: (Range<Int>, UnsafeRawBufferPointer) -> Element?
    ) -> [Element]? {
        var elements: [Element] = []
        let isComplete = each(in: range, of: bytes) { tag, reader in
            guard tag == ProtobufTag.bytes(number) else {
                reader.skip(tag)
                return true
            }
            guard let inner = reader.lengthDelimited(), let decoded = element(inner, bytes) else { return false }
            elements.append(decoded)
            return true
        }
        return isComplete ? elements : nil
    }

    private static func first(
        _ number: UInt32, in range: Range<Int>, of bytes: UnsafeRawBufferPointer
    ) -> Range<Int>? {
        let ranges = list(number, in: range, of: bytes) { inner, _ in inner }
        return ranges?.first
    }

    /// Calls `field` for every field; false at damage or as soon as it says so.
    private static func each(
        in range: Range<Int>, of bytes: UnsafeRawBufferPointer, _ field: (UInt32, inout ProtobufReader) -> Bool
    ) -> Bool {
        var reader = ProtobufReader(bytes, in: range)
        while let tag = reader.tag() {
            if !field(tag, &reader) { return false }
        }
        return !reader.isDamaged
    }
}
