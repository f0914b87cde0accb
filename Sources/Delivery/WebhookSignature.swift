public import Secrets

/// The signature of a webhook request by the Standard Webhooks specification 1.0.0, scheme v1: base64 of the
/// HMAC-SHA256 over `ID.TIMESTAMP.BODY`.
public struct WebhookSignature: Sendable {
    private let key: [UInt8]

    /// - Parameter secret: `whsec_` and the key in base64, as the specification writes it; any other text is itself the
    ///   key, in UTF-8. Also text that begins with `whsec_` but is no base64.
    public init(secret: Secret) {
        let text = secret.exposed
        let prefix = "whsec_"
        if text.hasPrefix(prefix), let key = Base64.decode(text.utf8.dropFirst(prefix.utf8.count)) {
            self.key = key
        } else {
            key = Array(text.utf8)
        }
    }

    /// The value of the header `webhook-signature`.
    ///
    /// - Parameter timestamp: Unix seconds of this attempt.
    public func header(id: String, timestamp: Int64, body: [UInt8]) -> String {
        var message = Array("\(id).\(timestamp).".utf8)
        message += body
        return "v1," + Base64.encode(Digest.hmac(.sha256, key: key, message: message))
    }
}

extension WebhookSignature: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    public var description: String { "***" }
    public var debugDescription: String { "***" }
    public var customMirror: Mirror { Mirror(self, children: []) }
}

/// RFC 4648, chapter 4.
enum Base64 {
    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    static func encode(_ bytes: [UInt8]) -> String {
        var text: [UInt8] = []
        text.reserveCapacity((bytes.count + 2) / 3 * 4)
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let group = bytes[start..<min(start + 3, bytes.count)]
            var word: UInt32 = 0
            for byte in group { word = word << 8 | UInt32(byte) }
            word <<= UInt32(3 - group.count) * 8
            for position in 0..<4 {
                let digit = Int(word >> UInt32(18 - 6 * position) & 63)
                text.append(position <= group.count ? alphabet[digit] : UInt8(ascii: "="))
            }
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// Nil when `text` is not base64. The padding may be left out.
    static func decode(_ text: some Collection<UInt8>) -> [UInt8]? {
        let digits = text.prefix { $0 != UInt8(ascii: "=") }
        let padding = text.dropFirst(digits.count)
        guard padding.allSatisfy({ $0 == UInt8(ascii: "=") }), digits.count % 4 != 1,
            padding.isEmpty || (text.count % 4 == 0 && padding.count <= 2)
        else { return nil }
        var bytes: [UInt8] = []
        var word: UInt32 = 0
        var bits: UInt32 = 0
        for digit in digits {
            guard let value = alphabet.firstIndex(of: digit) else { return nil }
            word = word << 6 | UInt32(value)
            bits += 6
            if bits >= 8 {
                bits -= 8
                bytes.append(UInt8(truncatingIfNeeded: word >> bits))
                word &= (1 << bits) - 1
            }
        }
        return bytes
    }
}
