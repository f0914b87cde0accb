import Events
import JSONText

/// JSON-RPC 2.0 as servers of version 5 speak it: messages are calls of `incoming.message`.
extension UnitBytes {
    /// Texts taken over into answers are at most this long.
    private static let maximumEchoLength = 256
    /// Answers kept for sending, at most; a server that makes more false calls gets none.
    private static let maximumReplies = 64

    /// Decodes one object that is known to be legal JSON with a member `jsonrpc`.
    func decodeRemoteCall(_ element: Range<Int>, to decoded: inout DecodedUnit) {
        var call = RemoteCall()
        readMembers(of: element) { key, value in
            switch String(decoding: buffer(key), as: UTF8.self) {
            case "method": call.method = value
            case "params": call.params = value
            case "id": call.id = value
            case "result", "error": call.isAnswer = true
            default: break
            }
        }
        guard let method = call.method else {
            if !call.isAnswer { answer(call, code: -32600, "Invalid Request", &decoded) }
            return
        }
        guard buffer(method).elementsEqual(#""incoming.message""#.utf8) else {
            return answer(call, code: -32601, "Method not found", &decoded)
        }
        if !deliverMessage(call, &decoded) {
            reportMalformed(element: element, to: &decoded)
            answer(call, code: -32602, "Invalid params", &decoded)
        }
    }

    /// False: parameters without a body.
    private func deliverMessage(_ call: RemoteCall, _ decoded: inout DecodedUnit) -> Bool {
        guard let params = call.params, byte(params.lowerBound) == UInt8(ascii: "{") else { return false }
        var event = Event()
        var mid: Range<Int>?
        var body: Range<Int>?
        var userParams: Range<Int>?
        var dictionary: Range<Int>?
        readMembers(of: params) { key, value in
            switch String(decoding: buffer(key), as: UTF8.self) {
            case "mid": mid = mid ?? value
            case "body": body = value
            case "user_params": userParams = value
            case "dictionary": dictionary = value
            case "sender": event.sender = sender(value)
            default: break
            }
        }
        guard let body else { return false }
        var inner = (userParams: ByteRange.absent, dictionary: ByteRange.absent)
        var scanner = scanner(at: body.lowerBound, end: body.upperBound)
        guard readBody(&scanner, &event, &inner.userParams, &inner.dictionary) else { return false }
        event.id = mid.flatMap(messageID)
        let outer = [userParams, dictionary].compactMap { $0 }.map { range($0.lowerBound, $0.upperBound) }
        mergeParams(&event, with: [inner.userParams, inner.dictionary] + outer, to: &decoded)
        decoded.events.append(event)
        if let mid, let text = plainString(mid) { decoded.acknowledgements.append("mack:" + text) }
        return true
    }

    private func sender(_ value: Range<Int>) -> Sender? {
        guard byte(value.lowerBound) == UInt8(ascii: "{") else { return nil }
        var sender = Sender(kind: .unknown)
        readMembers(of: value) { key, value in
            switch String(decoding: buffer(key), as: UTF8.self) {
            case "type":
                sender.kind =
                    UInt8(String(decoding: buffer(value), as: UTF8.self)).flatMap(Sender.Kind.init) ?? .unknown
            case "id":
                guard let text = plainString(value), text.utf8.count == 32,
                    let high = UInt64(text.prefix(16), radix: 16),
                    let low = UInt64(text.suffix(16), radix: 16)
                else { return }
                sender.id = (high, low)
            default: break
            }
        }
        return sender
    }

    /// Only a call with an id wants an answer.
    private func answer(_ call: RemoteCall, code: Int, _ message: String, _ decoded: inout DecodedUnit) {
        guard let id = call.id, id.count <= Self.maximumEchoLength, decoded.replies.count < Self.maximumReplies else {
            return
        }
        switch byte(id.lowerBound) {
        case UInt8(ascii: "{"), UInt8(ascii: "["): return
        default: break
        }
        let echo = String(decoding: buffer(id), as: UTF8.self)
        decoded.replies.append(
            #"{"jsonrpc":"2.0","error":{"code":\#(code),"message":"\#(message)"},"id":\#(echo)}"#)
    }

    /// The content of a string without escapes.
    private func plainString(_ value: Range<Int>) -> String? {
        guard value.count >= 2, value.count <= Self.maximumEchoLength, byte(value.lowerBound) == UInt8(ascii: "\""),
            !buffer(value).contains(UInt8(ascii: "\\"))
        else { return nil }
        return String(decoding: buffer(value.lowerBound + 1..<value.upperBound - 1), as: UTF8.self)
    }

    /// Calls `visit` for the members of a legal object, in order.
    func readMembers(of object: Range<Int>, _ visit: (_ key: Range<Int>, _ value: Range<Int>) -> Void) {
        var scanner = scanner(at: object.lowerBound, end: object.upperBound)
        scanner.skipWhitespace()
        guard scanner.pass(UInt8(ascii: "{")) else { return }
        repeat {
            scanner.skipWhitespace()
            guard let key = scanner.string() else { return }
            scanner.skipWhitespace()
            guard scanner.pass(UInt8(ascii: ":")) else { return }
            scanner.skipWhitespace()
            guard let value = passValue(&scanner) else { return }
            visit(key, value)
            scanner.skipWhitespace()
        } while scanner.pass(UInt8(ascii: ","))
    }
}

/// Raw values of a call's members.
private struct RemoteCall {
    var method: Range<Int>?
    var params: Range<Int>?
    var id: Range<Int>?
    var isAnswer = false
}
