/// One message as a push server writes it in binary mode: for servers in tests.
public struct OutgoingMessage: Sendable {
    /// 13 bytes whose hexadecimal form is the message id; any others are written as they are.
    public var id: [UInt8]
    public var body: [UInt8]
    /// Seconds for which the server keeps the message; 0: not at all.
    public var expiry: UInt32
    /// Seconds since 1970.
    public var created: UInt32
    /// 0 unknown, 1 client, 2 back end; nil: no sender at all.
    public var senderType: UInt64?
    /// A client's public id, 16 bytes; empty: none.
    public var senderID: [UInt8]

    public init(
        id: [UInt8], body: [UInt8], expiry: UInt32 = 0, created: UInt32 = 0, senderType: UInt64? = nil,
        senderID: [UInt8] = []
    ) {
        self.id = id
        self.body = body
        self.expiry = expiry
        self.created = created
        self.senderType = senderType
        self.senderID = senderID
    }

    /// The 13 bytes of an id of 26 hexadecimal digits; nil for any other text.
    public static func packedID(_ digits: String) -> [UInt8]? {
        let halves = digits.utf8.compactMap { Character(UnicodeScalar($0)).hexDigitValue }
        guard halves.count == 26, digits.utf8.count == 26 else { return nil }
        return stride(from: 0, to: 26, by: 2).map { UInt8(halves[$0] << 4 | halves[$0 + 1]) }
    }

    /// Writes the fields of this message.
    public func write(to writer: inout ProtobufWriter) {
        if !id.isEmpty { writer.bytes(1, id) }
        if !body.isEmpty { writer.bytes(2, body) }
        if expiry != 0 { writer.varint(3, UInt64(expiry)) }
        if created != 0 { writer.fixed32(4, created) }
        guard let senderType else { return }
        writer.message(5) { sender in
            if senderType != 0 { sender.varint(1, senderType) }
            if !senderID.isEmpty { sender.bytes(2, senderID) }
        }
    }
}

/// The unit that a push server sends in binary mode.
public enum ResponseBatch {
    /// - Parameter responses: the messages of each response. Servers send one response for each turn of collecting.
    public static func encode(_ responses: [[OutgoingMessage]]) -> [UInt8] {
        var batch = ProtobufWriter()
        for messages in responses {
            batch.message(1) { response in
                response.message(1) { list in
                    for message in messages {
                        list.message(1) { message.write(to: &$0) }
                    }
                }
            }
        }
        return batch.bytes
    }
}
