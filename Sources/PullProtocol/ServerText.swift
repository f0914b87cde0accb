import JSONText

/// Push servers write their own codes into texts: close reasons and bodies read `CODE: explanation`.
enum ServerText {
    /// The push server's code in a close reason or in the body of a refusal: its leading number (4000…4999), or the
    /// number that belongs to one of the known sentences without a number.
    static func code(in text: String) -> Int? {
        let start = text.utf8.prefix(512).drop { $0 == 0x20 || $0 == 0x09 || $0 == 0x0A || $0 == 0x0D }
        let digits = start.prefix { $0 &- 0x30 <= 9 }
        if digits.count == 4, let number = Int(String(decoding: digits, as: UTF8.self)), 4000...4999 ~= number {
            return number
        }
        let words = String(decoding: start, as: UTF8.self).lowercased()
        if words.hasPrefix("wrong channel id") { return 4010 }
        if words.hasPrefix("wrong client id") { return 4036 }
        return nil
    }

    /// The status in a close reason of nginx's push module, a JSON object with `http_status`.
    static func status(inReason text: String) -> Int? {
        guard text.utf8.first == UInt8(ascii: "{") else { return nil }
        return JSONValue.parse(Array(text.utf8), maximumSize: 1024)?["http_status"]?.lenientInt
    }

    /// Looks like a page for people, which a push server never sends.
    static func isHTML(_ bytes: some Sequence<UInt8>) -> Bool {
        bytes.first { !isBlank($0) } == UInt8(ascii: "<")
    }

    static func isBlank(_ byte: UInt8) -> Bool {
        byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D
    }
}
