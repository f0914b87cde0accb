import Events
import Synchronization

/// What a version 5 server writes and reads: remote calls in text frames, and bare words beside them.
enum JSONRPC {
    /// A text frame, where older servers send a control frame; the client answers with the text `pong`.
    static let ping = Array("ping".utf8)

    /// ```
    ///  {"jsonrpc":"2.0","method":"incoming.message","params":{"mid":"26 digits","body":BODY}}
    /// ```
    ///
    /// One such object, or an array of them.
    static func unit(_ messages: [StoredMessage]) -> [UInt8] {
        var output: [UInt8] = []
        output.reserveCapacity(messages.reduce(2) { $0 + $1.body.count + 110 })
        if messages.count > 1 { output.append(UInt8(ascii: "[")) }
        for (index, message) in messages.enumerated() {
            if index > 0 { output.append(UInt8(ascii: ",")) }
            output += #"{"jsonrpc":"2.0","method":"incoming.message","params":{"mid":"\#(message.id)","body":"#.utf8
            output += message.body
            output += "}}".utf8
        }
        if messages.count > 1 { output.append(UInt8(ascii: "]")) }
        return output
    }

    /// What a client sends.
    enum Word: Equatable {
        case pong
        /// `mack:` and the id: the client has handled the message.
        case acknowledgement(MessageID)
        case other

        init(_ frame: [UInt8]) {
            let text = String(decoding: frame, as: UTF8.self)
            if text == "pong" {
                self = .pong
            } else if text.hasPrefix("mack:"), let id = MessageID(String(text.dropFirst(5))) {
                self = .acknowledgement(id)
            } else {
                self = .other
            }
        }
    }
}

/// Which messages clients have acknowledged, oldest first, repetitions included.
final class Acknowledgements: Sendable {
    private let received = Mutex<[(id: MessageID, at: Int64)]>([])

    func record(_ id: MessageID) {
        received.withLock { $0.append((id, WireDates.microseconds())) }
    }

    /// With microseconds since 1970.
    var all: [(id: MessageID, at: Int64)] { received.withLock { $0 } }
}
