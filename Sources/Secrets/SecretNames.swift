/// Names of members and parameters whose values are never shown.
enum SecretNames {
    /// In lower case.
    private static let all: Set<String> = [
        "auth", "authorization", "password", "passwd", "token", "secret", "access_token", "refresh_token", "auth_token",
        "client_secret", "application_token", "sessid", "key", "signature", "code", "jwt", "clientid", "public_id",
        "channel_id", "bearer", "cookie",
    ]

    /// Whether `name` is one of them, whatever its case, percent-encoding and nesting (`auth[access_token]`,
    /// `data.token`).
    static func contains(_ name: Substring) -> Bool {
        let plain = name.contains("%") ? decoded(name) : String(name)
        return plain.lowercased()
            .split { !($0.isLetter || $0.isNumber || $0 == "_") }
            .contains { all.contains(String($0)) || (String($0).hasSuffix("_token") || $0.hasSuffix("_secret")) }
    }

    private static func decoded(_ text: Substring) -> String {
        var bytes: [UInt8] = []
        var rest = text.utf8[...]
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "%"), rest.count >= 2, let value = UInt8(String(rest.prefix(2)) ?? "", radix: 16) {
                bytes.append(value)
                rest = rest.dropFirst(2)
            } else {
                bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
