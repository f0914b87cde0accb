import Foundation
import Secrets
import Testing

struct DigestTests {
    static let key = Array("unit-test-key-1".utf8)
    static let privateID = "00112233445566778899aabbccddeeff"
    static let shared = "0f1e2d3c4b5a69788796a5b4c3d2e1f0"

    @Test("An HMAC is over the ASCII text of an id, not over its bytes (S1, S4, S5, S6)")
    func hmacs() {
        let hmac = { (algorithm: Digest.Algorithm, message: [UInt8]) in
            Digest.hex(Digest.hmac(algorithm, key: Self.key, message: message))
        }
        #expect(hmac(.sha1, Array(Self.privateID.utf8)) == "ebe6842cf6329ff239dc5dc25c6faeeeac380937")
        #expect(hmac(.sha1, Array(Self.shared.utf8)) == "1183164a0f0b588992d4c83dc49e68ec008b181b")
        let raw = stride(from: 0, to: 32, by: 2).compactMap { offset -> UInt8? in
            let start = Self.privateID.index(Self.privateID.startIndex, offsetBy: offset)
            return UInt8(Self.privateID[start...].prefix(2), radix: 16)
        }
        #expect(hmac(.sha1, raw) == "ce4174c371e765b7131d17b0698e55ea9e2d2f77")
        let long = "910d8371f4fe625e5bb232ca4175f352c958f05b60952fc8b9bf2c7c33188428"
        #expect(hmac(.sha256, Array(Self.shared.utf8)) == long)
    }

    @Test(
        "Hashes of known texts are the published ones (FIPS 180-4)",
        arguments: [
            (
                "", "da39a3ee5e6b4b0d3255bfef95601890afd80709",
                "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
            ),
            (
                "abc", "a9993e364706816aba3e25717850c26c9cd0d89d",
                "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
            ),
        ])
    func knownHashes(text: String, sha1: String, sha256: String) {
        let bytes = Array(text.utf8)
        #expect(Digest.hex(Digest.sha1(bytes)) == sha1)
        #expect(Digest.hex(Digest.sha256(bytes)) == sha256)
        #expect(bytes.withUnsafeBytes { Digest.sha256($0) } == Digest.sha256(bytes))
    }

    @Test("An HMAC takes an empty key and an empty message, and keys longer than a block (RFC 4231, case 6)")
    func edges() {
        let empty = "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad"
        #expect(Digest.hex(Digest.hmac(.sha256, key: [], message: [])) == empty)
        let message = Array("Test Using Larger Than Block-Size Key - Hash Key First".utf8)
        let long = "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
        #expect(Digest.hex(Digest.hmac(.sha256, key: [UInt8](repeating: 0xAA, count: 131), message: message)) == long)
    }

    @Test("Signatures are the same only if all their bytes are")
    func equality() {
        #expect(Digest.areEqual([], []))
        #expect(Digest.areEqual([1, 2], [1, 2]))
        #expect(!Digest.areEqual([1, 2], [1, 3]))
        #expect(!Digest.areEqual([1, 2], [1, 2, 3]))
    }

    @Test("A secret shows six digits of its hash and nothing else")
    func correlation() {
        let secret = Secret("abc")
        #expect(secret.correlation == "ba7816")
        #expect("\(secret) \(String(reflecting: secret)) \(String(describing: [secret]))" == "*** *** [***]")
        var dumped = ""
        dump(secret, to: &dumped)
        #expect(!dumped.contains("abc"))
    }
}
