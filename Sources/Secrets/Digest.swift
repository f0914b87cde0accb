internal import COpenSSL

/// SHA-1, SHA-256 and their HMACs, by OpenSSL's libcrypto (FIPS 180-4, RFC 2104). SHA-1 stands here because push
/// servers sign with it, and for nothing else.
public enum Digest {
    public enum Algorithm: String, Sendable, CaseIterable {
        case sha1
        case sha256

        /// Bytes of a result.
        public var length: Int { self == .sha1 ? 20 : 32 }
    }

    public static func sha1(_ bytes: [UInt8]) -> [UInt8] {
        bytes.withUnsafeBytes { hash(.sha1, $0) }
    }

    public static func sha256(_ bytes: [UInt8]) -> [UInt8] {
        bytes.withUnsafeBytes { hash(.sha256, $0) }
    }

    public static func sha256(_ bytes: UnsafeRawBufferPointer) -> [UInt8] {
        hash(.sha256, bytes)
    }

    public static func hash(_ algorithm: Algorithm, _ bytes: UnsafeRawBufferPointer) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: algorithm.length) { target, count in
            let input = bytes.bindMemory(to: UInt8.self).baseAddress
            switch algorithm {
            case .sha1: _ = SHA1(input, bytes.count, target.baseAddress)
            case .sha256: _ = SHA256(input, bytes.count, target.baseAddress)
            }
            count = algorithm.length
        }
    }

    public static func hmac(_ algorithm: Algorithm, key: [UInt8], message: [UInt8]) -> [UInt8] {
        message.withUnsafeBytes { hmac(algorithm, key: key, message: $0) }
    }

    /// The key may be of any length up to 2^31 − 1 bytes; the rest of a longer one is not used.
    public static func hmac(_ algorithm: Algorithm, key: [UInt8], message: UnsafeRawBufferPointer) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: algorithm.length) { target, count in
            let method = algorithm == .sha1 ? EVP_sha1() : EVP_sha256()
            let input = message.bindMemory(to: UInt8.self).baseAddress
            key.withUnsafeBytes { key in
                _ = HMAC(
                    method, key.baseAddress, Int32(clamping: key.count), input, message.count, target.baseAddress, nil)
            }
            count = algorithm.length
        }
    }

    /// Lower-case hexadecimal digits, two a byte.
    public static func hex(_ bytes: some Sequence<UInt8>) -> String {
        let digits: [UInt8] = Array("0123456789abcdef".utf8)
        var text: [UInt8] = []
        text.reserveCapacity(bytes.underestimatedCount * 2)
        for byte in bytes {
            text.append(digits[Int(byte >> 4)])
            text.append(digits[Int(byte & 15)])
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// Whether two signatures are the same, in a time that does not tell where they differ.
    public static func areEqual(_ left: [UInt8], _ right: [UInt8]) -> Bool {
        left.count == right.count && (left.isEmpty || CRYPTO_memcmp(left, right, left.count) == 0)
    }
}

extension Secret {
    /// Six hexadecimal digits of the text's SHA-256: enough to see in a log whether two secrets are the same one, not
    /// enough to find them.
    public var correlation: String {
        String(Digest.hex(Digest.sha256(Array(exposed.utf8))).prefix(6))
    }
}
