import JSONText
import Secrets

/// The one thing looked at in a JSON Web Token (RFC 7519). Its signature is the push server's business.
enum JSONWebToken {
    /// `exp`, Unix seconds; nil if there is none that can be read.
    static func expiry(of token: Secret) -> Int64? {
        let parts = token.exposed.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 3, let payload = base64URL(parts[1].utf8) else { return nil }
        return Timestamp.parse(JSONValue.parse(payload)?["exp"]).flatMap { $0 > 0 ? $0 : nil }
    }

    /// RFC 4648, section 5, without padding.
    private static func base64URL(_ text: Substring.UTF8View) -> [UInt8]? {
        var bytes: [UInt8] = []
        var buffer: UInt32 = 0
        var bits = 0
        for byte in text {
            let value: UInt8
            switch byte {
            case UInt8(ascii: "A")...UInt8(ascii: "Z"): value = byte - 65
            case UInt8(ascii: "a")...UInt8(ascii: "z"): value = byte - 71
            case UInt8(ascii: "0")...UInt8(ascii: "9"): value = byte + 4
            case UInt8(ascii: "-"): value = 62
            case UInt8(ascii: "_"): value = 63
            default: return nil
            }
            buffer = buffer << 6 | UInt32(value)
            bits += 6
            if bits >= 8 {
                bits -= 8
                bytes.append(UInt8(truncatingIfNeeded: buffer >> UInt32(bits)))
            }
        }
        return bytes
    }
}
