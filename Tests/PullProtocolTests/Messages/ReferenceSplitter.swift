import JSONText

/// The splitting rule in its plainest form, written down without regard to speed: find the end of the object by brackets,
/// then ask whether it is JSON.
struct ReferenceSplitter {
    enum Piece: Equatable {
        case message(Range<Int>)
        case malformed(Range<Int>)
        case junk(Range<Int>)
        case blank(Range<Int>)
    }

    private let bytes: [UInt8]
    private var pieces: [Piece] = []
    private static let start = Array("#!NGINXNMS!#".utf8)
    private static let end = Array("#!NGINXNME!#".utf8)

    /// The pieces of a unit, from the first start marker on; they follow each other without a gap.
    static func pieces(of bytes: [UInt8], from first: Int) -> [Piece] {
        var splitter = ReferenceSplitter(bytes: bytes)
        splitter.run(from: first)
        return splitter.pieces
    }

    private init(bytes: [UInt8]) {
        self.bytes = bytes
    }

    private mutating func run(from first: Int) {
        var at = first
        var failures = 0
        while at < bytes.count {
            let blankEnd = afterBlank(at, bytes.count)
            if blankEnd > at, at > first { pieces.append(.blank(at..<blankEnd)) }
            at = blankEnd
            if at == bytes.count { return }
            guard has(Self.start, at) else {
                let next = nextStart(at) ?? bytes.count
                pieces.append(.junk(at..<next))
                at = next
                continue
            }
            let next = nextStart(at + 12) ?? bytes.count
            if let end = messageEnd(at + 12, limit: failures >= 16 ? next : bytes.count) {
                pieces.append(.message(at..<end))
                at = end
            } else {
                pieces.append(.malformed(at..<next))
                failures += 1
                at = next
            }
        }
    }

    private func messageEnd(_ content: Int, limit: Int) -> Int? {
        let brace = afterBlank(content, limit)
        guard brace < limit, bytes[brace] == UInt8(ascii: "{"), let end = objectEnd(brace, limit) else { return nil }
        let marker = afterBlank(end, limit)
        guard marker + 12 <= limit, has(Self.end, marker) else { return nil }
        guard let value = JSONValue.parse(Array(bytes[brace..<end])), value["mid"] != nil || value["text"] != nil else {
            return nil
        }
        return marker + 12
    }

    private func objectEnd(_ brace: Int, _ limit: Int) -> Int? {
        var open: [UInt8] = []
        var isString = false
        var at = brace
        while at < limit {
            let byte = bytes[at]
            if isString {
                if byte == UInt8(ascii: "\\") {
                    at += 1
                } else if byte == UInt8(ascii: "\"") {
                    isString = false
                }
            } else if byte == UInt8(ascii: "\"") {
                isString = true
            } else if byte == UInt8(ascii: "{") || byte == UInt8(ascii: "[") {
                open.append(byte + 2)
            } else if byte == UInt8(ascii: "}") || byte == UInt8(ascii: "]") {
                guard open.popLast() == byte else { return nil }
                if open.isEmpty { return at + 1 }
            }
            at += 1
        }
        return nil
    }

    private func afterBlank(_ from: Int, _ limit: Int) -> Int {
        var at = from
        while at < limit, [0x20, 0x09, 0x0A, 0x0D].contains(bytes[at]) { at += 1 }
        return at
    }

    private func nextStart(_ from: Int) -> Int? {
        guard from + 12 <= bytes.count else { return nil }
        return (from...bytes.count - 12).first { has(Self.start, $0) }
    }

    private func has(_ marker: [UInt8], _ at: Int) -> Bool {
        at + 12 <= bytes.count && bytes[at] == marker[0] && bytes[at..<at + 12].elementsEqual(marker)
    }
}
