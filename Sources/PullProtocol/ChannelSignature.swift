public import Secrets

/// Signatures of channel ids: HMAC over the ASCII text of the ids, in lower-case hexadecimal digits.
///
/// ```
/// private channel   PRIVATE:PUBLIC.hmac("PRIVATE:PUBLIC")
/// shared channel    SHARED.hmac("SHARED")
/// public id         PUBLIC.hmac("public:PUBLIC")
/// ```
public enum ChannelSignature {
    /// The ids of a channel, each 32 lower-case hexadecimal digits.
    public struct Channel: Sendable, Hashable {
        public var privateHex: String
        /// Nil for a shared channel.
        public var publicHex: String?
    }

    /// What somebody presents ids for.
    public enum Purpose: Sendable, Hashable {
        /// To read: private and shared channels, signed.
        case subscribe
        /// To publish as a client: public ids, signed.
        case receive
        /// To publish as the portal, which is trusted by its address: signatures may be missing.
        case publish
    }

    /// The signature of a channel.
    public static func sign(
        privateHex: String, publicHex: String? = nil, key: Secret, algorithm: Digest.Algorithm = .sha1
    ) -> String {
        signature(publicHex.map { "\(privateHex):\($0)" } ?? privateHex, key: key, algorithm: algorithm)
    }

    /// The signature of a public id.
    public static func signPublic(publicHex: String, key: Secret, algorithm: Digest.Algorithm = .sha1) -> String {
        signature("public:\(publicHex)", key: key, algorithm: algorithm)
    }

    /// The channels in a list of ids joined by slashes, or nil if a single one of them is malformed or wrongly signed:
    /// servers refuse the whole list then.
    public static func verify(
        _ list: String, for purpose: Purpose, key: Secret, algorithm: Digest.Algorithm = .sha1
    ) -> [Channel]? {
        var channels: [Channel] = []
        for text in list.split(separator: "/", omittingEmptySubsequences: false) {
            guard let channel = verifyOne(text, for: purpose, key: key, algorithm: algorithm) else { return nil }
            channels.append(channel)
        }
        return channels
    }

    private static func verifyOne(
        _ text: Substring, for purpose: Purpose, key: Secret, algorithm: Digest.Algorithm
    ) -> Channel? {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard 1...2 ~= parts.count else { return nil }
        let ids = parts[0].split(separator: ":", omittingEmptySubsequences: false)
        guard 1...2 ~= ids.count, ids.allSatisfy(isID) else { return nil }
        let channel = Channel(privateHex: String(ids[0]), publicHex: ids.count == 2 ? String(ids[1]) : nil)
        guard parts.count == 2 else { return purpose == .publish ? channel : nil }
        let expected: String
        switch purpose {
        case .subscribe, .publish:
            expected = sign(
                privateHex: channel.privateHex, publicHex: channel.publicHex, key: key, algorithm: algorithm)
        case .receive:
            guard channel.publicHex == nil else { return nil }
            expected = signPublic(publicHex: channel.privateHex, key: key, algorithm: algorithm)
        }
        return Digest.areEqual(Array(parts[1].utf8), Array(expected.utf8)) ? channel : nil
    }

    private static func isID(_ text: Substring) -> Bool {
        text.utf8.count == 32 && text.utf8.allSatisfy { $0 &- 0x30 <= 9 || $0 &- 0x61 < 6 }
    }

    private static func signature(_ text: String, key: Secret, algorithm: Digest.Algorithm) -> String {
        Digest.hex(Digest.hmac(algorithm, key: Array(key.exposed.utf8), message: Array(text.utf8)))
    }
}
