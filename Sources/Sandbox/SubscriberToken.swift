import Foundation
import JSONText
import Secrets

/// The JSON Web Token (RFC 7519) by which a version 5 server knows a subscriber and his channels, instead of a
/// `CHANNEL_ID`.
enum SubscriberToken {
    private static let header = #"{"alg":"HS256","typ":"JWT"}"#

    /// - Parameter channels: signed ids.
    static func make(user: Int, channels: [String], end: Double, options: SandboxOptions) -> String {
        let payload = JSONValue.object([
            ("iss", .string("sandbox")), ("iat", .integer(Int(options.clock()))), ("exp", .integer(Int(end))),
            ("sub", .string(String(user))), ("chan", .string(channels.joined(separator: ","))),
        ]).serialized()
        let signed = encode(Array(header.utf8)) + "." + encode(payload)
        return signed + "." + signature(of: signed, options: options)
    }

    /// Its channels as in `CHANNEL_ID`. Nil for a token that is malformed, wrongly signed or over.
    static func channels(in token: String, options: SandboxOptions) -> String? {
        let parts = token.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 3, signature(of: parts[0] + "." + parts[1], options: options) == parts[2],
            let payload = decode(parts[1]).flatMap({ JSONValue.parse($0) }),
            let end = payload["exp"]?.lenientDouble, options.clock() < end
        else { return nil }
        return payload["chan"]?.string?.replacing(",", with: "/")
    }

    private static func signature(of text: some StringProtocol, options: SandboxOptions) -> String {
        encode(Digest.hmac(.sha256, key: Array(options.signatureKey.utf8), message: Array(text.utf8)))
    }

    /// Base64 for URLs, without padding (RFC 4648, section 5).
    private static func encode(_ bytes: [UInt8]) -> String {
        Data(bytes).base64EncodedString().replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
    }

    private static func decode(_ text: Substring) -> [UInt8]? {
        let padding = String(repeating: "=", count: (4 - text.utf8.count % 4) % 4)
        let plain = text.replacing("-", with: "+").replacing("_", with: "/") + padding
        return Data(base64Encoded: String(plain)).map { Array($0) }
    }
}
