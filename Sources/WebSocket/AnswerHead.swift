/// The status line and the header fields of an HTTP answer (RFC 9112 4, 5).
struct AnswerHead: Sendable {
    var isHTTP11 = false
    var status = 0
    var reason = ""
    /// Names in lower case, values without surrounding blanks, in the order of arrival.
    var headers: [(name: String, value: String)] = []

    /// `text` is everything before the empty line. Lines end in CR LF; LF alone is accepted, as RFC 9112 2.2 allows.
    init(_ text: ArraySlice<UInt8>) throws(ProtocolViolation) {
        var lines = text.split(separator: 0x0A, omittingEmptySubsequences: false)[...]
        guard let statusLine = lines.popFirst() else { throw .handshake("answer without a status line") }
        try readStatus(Self.withoutCarriageReturn(statusLine))
        for line in lines {
            let line = Self.withoutCarriageReturn(line)
            if !line.isEmpty { try readField(line) }
        }
    }

    /// The values of all fields of one name, in lower case.
    func values(_ name: String) -> [String] {
        headers.filter { $0.name == name }.map(\.value)
    }

    /// The elements of a comma-separated field, all its lines together.
    func tokens(_ name: String) -> [String] {
        values(name).flatMap { $0.split(separator: ",") }.map { Self.trimmed($0.utf8) }.filter { !$0.isEmpty }
    }

    /// Where the head at the beginning of `bytes` ends: behind its empty line. Looks from `from` on only.
    static func end(in bytes: [UInt8], from: Int) -> Int? {
        var index = from
        while index < bytes.count {
            if bytes[index] == 0x0A {
                if index >= 1 && bytes[index - 1] == 0x0A { return index + 1 }
                if index >= 2 && bytes[index - 1] == 0x0D && bytes[index - 2] == 0x0A { return index + 1 }
            }
            index += 1
        }
        return nil
    }

    /// `HTTP/1.1 101 Switching Protocols`; the reason may be missing.
    private mutating func readStatus(_ line: ArraySlice<UInt8>) throws(ProtocolViolation) {
        let line = Array(line)
        guard line.starts(with: Array("HTTP/1.".utf8)), line.count >= 12, line[8] == 0x20,
            line[7] >= 0x30, line[7] <= 0x39, line.count == 12 || line[12] == 0x20
        else { throw .handshake("answer is not HTTP/1.1") }
        isHTTP11 = line[7] >= 0x31
        for digit in line[9..<12] {
            guard digit >= 0x30 && digit <= 0x39 else { throw .handshake("answer with a malformed status") }
            status = status * 10 + Int(digit - 0x30)
        }
        guard status >= 100 else { throw .handshake("answer with a malformed status") }
        reason = Self.trimmed(line[12...].map { $0 < 0x20 || $0 == 0x7F ? 0x20 : $0 })
    }

    private mutating func readField(_ line: ArraySlice<UInt8>) throws(ProtocolViolation) {
        guard let colon = line.firstIndex(of: UInt8(ascii: ":")), colon > line.startIndex,
            line[..<colon].allSatisfy(isTokenCharacter)
        else { throw .handshake("answer with a malformed header field") }
        let value = line[(colon + 1)...]
        guard value.allSatisfy({ $0 >= 0x20 && $0 != 0x7F || $0 == 0x09 }) else {
            throw .handshake("answer with control characters in a header field")
        }
        headers.append((String(decoding: line[..<colon], as: UTF8.self).lowercased(), Self.trimmed(value)))
    }

    private static func withoutCarriageReturn(_ line: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        line.last == 0x0D ? line.dropLast() : line
    }

    private static func trimmed(_ text: some BidirectionalCollection<UInt8>) -> String {
        let isBlank: (UInt8) -> Bool = { $0 == 0x20 || $0 == 0x09 }
        var rest = text.drop(while: isBlank)
        while let last = rest.last, isBlank(last) { rest = rest.dropLast() }
        return String(decoding: rest, as: UTF8.self)
    }
}

/// `tchar` of RFC 9110 5.6.2.
func isTokenCharacter(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "a")...UInt8(ascii: "z"):
        true
    default:
        "!#$%&'*+-.^_`|~".utf8.contains(byte)
    }
}
