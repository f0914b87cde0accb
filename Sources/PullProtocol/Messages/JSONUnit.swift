import Events
import JSONText

/// Units without markers: an array of objects, or one object. They are envelopes or JSON-RPC.
extension UnitBytes {
    /// Decodes a unit whose text begins at `first`. Nil, and nothing decoded: it is of another kind.
    func decodeJSON(from first: Int, into decoded: inout DecodedUnit) -> UnitKind? {
        switch byte(first) {
        case UInt8(ascii: "["): decodeArray(from: first, into: &decoded)
        case UInt8(ascii: "{"): decodeSingle(from: first, into: &decoded)
        default: nil
        }
    }

    private func decodeSingle(from first: Int, into decoded: inout DecodedUnit) -> UnitKind? {
        var scanner = scanner(at: first, end: count)
        var envelope = Envelope()
        if readEnvelope(&scanner, &envelope) {
            guard let kind = deliver(&envelope, first..<scanner.position, to: &decoded) else { return nil }
            split(from: afterWhitespace(scanner.position), into: &decoded)
            return kind
        }
        // Not legal. If markers follow, they say better what it is.
        guard isEnvelope(first..<count), nextStart(from: first) == nil else { return nil }
        reportMalformed(element: first..<count, to: &decoded)
        return .json
    }

    private func decodeArray(from first: Int, into decoded: inout DecodedUnit) -> UnitKind? {
        let malformedBefore = decoded.malformed.count
        let truncatedBefore = decoded.truncatedBytes
        var kind: UnitKind?
        var failures = 0
        var envelope = Envelope()
        var at = afterWhitespace(first + 1)
        if at < count, byte(at) == UInt8(ascii: "]") {
            at = afterWhitespace(at + 1)
            if at < count { return nil }
            return .json
        }
        while at < count {
            let (end, isLegal) = elementEnd(from: at, failures: failures, &envelope)
            if isLegal, let elementKind = deliver(&envelope, at..<end, to: &decoded) {
                kind = kind ?? elementKind
            } else {
                failures += 1
                reportMalformed(element: at..<end, to: &decoded)
                // If markers follow, they say better what it is.
                if kind == nil, isEnvelope(at..<end), nextStart(from: at) == nil { kind = .json }
            }
            at = afterWhitespace(end)
            guard at < count, byte(at) == UInt8(ascii: ",") else { break }
            at = afterWhitespace(at + 1)
        }
        guard let kind else {
            decoded.malformed.removeSubrange(malformedBefore...)
            decoded.truncatedBytes = truncatedBefore
            return nil
        }
        if at < count { split(from: afterWhitespace(at + 1), into: &decoded) }
        return kind
    }

    /// Reads the element at `at`; where it ends, and whether it is legal JSON. `envelope` is empty unless it is an object.
    private func elementEnd(from at: Int, failures: Int, _ envelope: inout Envelope) -> (end: Int, isLegal: Bool) {
        guard failures < Self.walkedMalformedPieces else { return (count, false) }
        var scanner = scanner(at: at, end: count)
        envelope = Envelope()
        let isLegal = scanner.next == UInt8(ascii: "{") ? readEnvelope(&scanner, &envelope) : scanner.skipValue()
        let end = scanner.position
        if isLegal {
            let next = afterWhitespace(end)
            if next == count || byte(next) == UInt8(ascii: ",") || byte(next) == UInt8(ascii: "]") {
                return (end, true)
            }
        }
        return (BracketWalk.endOfElement(in: self, from: at) ?? count, false)
    }

    /// Delivers a legal element; nil if it is neither an envelope nor JSON-RPC.
    private func deliver(_ envelope: inout Envelope, _ element: Range<Int>, to decoded: inout DecodedUnit) -> UnitKind?
    {
        if envelope.isRemoteCall {
            decodeRemoteCall(element, to: &decoded)
            return .jsonRPC
        }
        guard envelope.hasMid || envelope.hasText else { return nil }
        append(&envelope, to: &decoded)
        return .json
    }
}
