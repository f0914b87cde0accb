/// A channel as addressee, by its public id.
public struct ChannelAddress: Sendable, Hashable {
    /// 16 bytes.
    public var id: [UInt8]
    public var isPrivate: Bool
    /// The raw digest, 20 bytes for SHA-1.
    public var signature: [UInt8]

    public init(id: [UInt8], isPrivate: Bool = false, signature: [UInt8]) {
        self.id = id
        self.isPrivate = isPrivate
        self.signature = signature
    }

    fileprivate func write(to writer: inout ProtobufWriter) {
        writer.bytes(1, id)
        if isPrivate { writer.varint(2, 1) }
        if !signature.isEmpty { writer.bytes(3, signature) }
    }
}

/// The unit that a client sends in binary mode. Servers handle only the first request of a batch, so there is one.
///
/// ```
/// RequestBatch             1 requests: Request, repeated
/// Request (oneof)          1 incomingMessages   2 channelStats
/// IncomingMessagesRequest  1 messages: IncomingMessage, repeated
/// IncomingMessage          1 receivers, repeated   3 body: string   4 expiry: uint32
/// ChannelStatsRequest      1 channels, repeated
/// ```
public enum RequestBatch {
    /// Publishes one message.
    ///
    /// - Parameter expiry: seconds for which the server keeps it; 0: only who is connected gets it.
    public static func publish(_ body: [UInt8], to receivers: [ChannelAddress], expiry: UInt32) -> [UInt8] {
        request(1) { messages in
            messages.message(1) { message in
                for receiver in receivers {
                    message.message(1) { receiver.write(to: &$0) }
                }
                message.bytes(3, body)
                if expiry != 0 { message.varint(4, UInt64(expiry)) }
            }
        }
    }

    /// Asks whether somebody listens on the channels.
    public static func channelStatistics(_ channels: [ChannelAddress]) -> [UInt8] {
        request(2) { statistics in
            for channel in channels {
                statistics.message(1) { channel.write(to: &$0) }
            }
        }
    }

    private static func request(_ number: UInt32, _ content: (inout ProtobufWriter) -> Void) -> [UInt8] {
        var batch = ProtobufWriter()
        batch.message(1) { $0.message(number, content) }
        return batch.bytes
    }
}
