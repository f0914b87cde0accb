import COpenSSL

/// The proof that a server understood the handshake (RFC 6455 4.2.2): base64 of SHA-1 of the key and a fixed text.
func acceptKey(for key: String) -> String {
    let text = Array((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").utf8)
    var digest = [UInt8](repeating: 0, count: Int(SHA_DIGEST_LENGTH))
    _ = SHA1(text, text.count, &digest)
    return base64(digest)
}

/// RFC 4648 section 4, with padding.
func base64(_ bytes: [UInt8]) -> String {
    let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
    var text: [UInt8] = []
    text.reserveCapacity((bytes.count + 2) / 3 * 4)
    for start in stride(from: 0, to: bytes.count, by: 3) {
        let group = bytes[start..<min(start + 3, bytes.count)]
        var value: UInt32 = 0
        for byte in group { value = value << 8 | UInt32(byte) }
        value <<= 8 * UInt32(3 - group.count)
        for place in 0..<4 {
            let digit = alphabet[Int(value >> UInt32(18 - 6 * place) & 0x3F)]
            text.append(place <= group.count ? digit : UInt8(ascii: "="))
        }
    }
    return String(decoding: text, as: UTF8.self)
}
