/// The beginning of the body of an answer that is not 101: enough to tell a person, or a table of known answers, what
/// the server said.
struct AnswerBody: Sendable {
    /// Bytes that are kept.
    static let maximumSize = 4096

    private enum Length {
        case known(Int)
        /// RFC 9112 7.1.
        case chunked
        case untilEnd
    }

    private let length: Length
    private var raw: [UInt8] = []

    init(head: AnswerHead) {
        if head.status == 204 || head.status == 304 {
            length = .known(0)
        } else if head.tokens("transfer-encoding").contains(where: { $0.lowercased() == "chunked" }) {
            length = .chunked
        } else if let text = head.values("content-length").first, let count = Int(text), count >= 0 {
            length = .known(count)
        } else {
            length = .untilEnd
        }
    }

    mutating func append(_ bytes: UnsafeRawBufferPointer) {
        // Chunk headers need some room beside what they wrap.
        raw.append(contentsOf: bytes.prefix(max(0, 2 * Self.maximumSize - raw.count)))
    }

    /// What has arrived, and whether that is all, or as much as is kept.
    var content: (bytes: [UInt8], isComplete: Bool) {
        switch length {
        case .known(let count):
            let wanted = min(count, Self.maximumSize)
            return (Array(raw.prefix(wanted)), raw.count >= wanted)
        case .untilEnd:
            return (Array(raw.prefix(Self.maximumSize)), raw.count >= Self.maximumSize)
        case .chunked:
            let (bytes, isComplete) = unchunked()
            return (
                Array(bytes.prefix(Self.maximumSize)),
                isComplete || bytes.count >= Self.maximumSize || raw.count >= 2 * Self.maximumSize
            )
        }
    }

    /// Takes what is well formed; anything else ends the body.
    private func unchunked() -> (bytes: [UInt8], isComplete: Bool) {
        var bytes: [UInt8] = []
        var rest = raw[...]
        while let lineEnd = rest.firstIndex(of: 0x0A) {
            let digits = rest[..<lineEnd].prefix { $0 != UInt8(ascii: ";") && $0 != 0x0D && $0 != 0x20 }
            guard let size = Int(String(decoding: digits, as: UTF8.self), radix: 16), size > 0 else {
                return (bytes, true)
            }
            rest = rest[(lineEnd + 1)...]
            bytes += rest.prefix(size)
            guard size < rest.count else { return (bytes, false) }
            rest = rest.dropFirst(size)
            // The line break that ends a chunk.
            guard let next = rest.firstIndex(of: 0x0A) else { return (bytes, false) }
            rest = rest[(next + 1)...]
        }
        return (bytes, false)
    }
}
