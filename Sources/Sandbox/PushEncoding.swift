import Events
import PullProtocol

/// Messages as push servers write them.
enum PushEncoding {
    /// One unit: a WebSocket message or a long poll's body. The published bodies stand in it verbatim.
    ///
    /// In binary mode a history is one response with many messages, and collected messages are a response each.
    static func unit(
        _ messages: [StoredMessage], isHistory: Bool, form: PushForm, options: SandboxOptions
    ) -> [UInt8] {
        switch form {
        case .binary:
            let outgoing = messages.map(outgoing)
            return ResponseBatch.encode(isHistory ? [outgoing] : outgoing.map { [$0] })
        case .jsonRPC: return JSONRPC.unit(messages)
        case .text: return envelopes(messages, options: options)
        }
    }

    private static func envelopes(_ messages: [StoredMessage], options: SandboxOptions) -> [UInt8] {
        var output: [UInt8] = []
        output.reserveCapacity(messages.reduce(0) { $0 + $1.body.count + 200 })
        for message in messages { append(envelope: message, to: &output, options: options) }
        return output
    }

    private static func outgoing(_ message: StoredMessage) -> OutgoingMessage {
        OutgoingMessage(
            id: OutgoingMessage.packedID(message.id.description) ?? [], body: message.body, expiry: message.expiry,
            created: UInt32(truncatingIfNeeded: Int64(message.createdAt)),
            senderType: message.sender.map { UInt64($0.kind.rawValue) },
            senderID: message.sender?.id.map { bigEndian($0.high) + bigEndian($0.low) } ?? [])
    }

    private static func bigEndian(_ number: UInt64) -> [UInt8] {
        withUnsafeBytes(of: number.bigEndian) { Array($0) }
    }

    /// ```
    ///  #!NGINXNMS!#{"id":N,"mid":"26 digits","channel":"-","tag":"ms","time":"HTTP date","text":BODY}#!NGINXNME!#
    /// ```
    ///
    /// `tag` and `time` are the sending time; a version 3 server writes the creation time, and the first receiver's id
    /// into `channel`.
    private static func append(envelope message: StoredMessage, to output: inout [UInt8], options: SandboxOptions) {
        let isVersion3 = options.serverVersion < 4
        let time = isVersion3 ? message.createdAt : options.clock()
        let milliseconds = Int((time - time.rounded(.down)) * 1_000)
        let tag = String(String(1_000 + milliseconds).suffix(3))
        let channel = isVersion3 ? message.firstReceiver : "-"
        let head =
            "#!NGINXNMS!#{\"id\":\(message.id.counter),\"mid\":\"\(message.id)\",\"channel\":\"\(channel)\","
            + "\"tag\":\"\(tag)\",\"time\":\"\(WireDates.http(time))\",\"text\":"
        output += head.utf8
        output += message.body
        output += "}#!NGINXNME!#".utf8
    }
}
