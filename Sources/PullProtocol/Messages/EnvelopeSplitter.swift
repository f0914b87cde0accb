import Events
import JSONText

extension UnitBytes {
    /// Malformed pieces of one unit after which each further one is looked at only up to the next start marker. Until then
    /// a piece may be walked to the end of the unit, which an attacker could make as costly as the square of its size.
    static let walkedMalformedPieces = 16

    /// Cuts a unit into envelopes: start marker, a JSON object, end marker, white space anywhere between.
    ///
    /// The markers may also stand inside a body's strings, so the end of an envelope is where its object ends, found by
    /// one pass that checks the JSON as well. What is no such object is malformed up to the next start marker.
    func split(from first: Int, into decoded: inout DecodedUnit) {
        var at = first
        var malformedPieces = 0
        var envelope = Envelope()
        while at < count {
            if !hasStart(at: at) {
                let next = nextStart(from: at) ?? count
                if next == count, isTruncated {
                    decoded.truncatedBytes += next - at
                } else {
                    decoded.junkBytes += next - at
                }
                at = next
                continue
            }
            let content = at + Self.markerLength
            var limit = count
            if malformedPieces >= Self.walkedMalformedPieces { limit = nextStart(from: content) ?? count }
            if let end = readMessage(from: content, limit: limit, &envelope) {
                append(&envelope, to: &decoded)
                at = afterWhitespace(end)
            } else {
                let end = nextStart(from: content) ?? count
                reportMalformed(at..<end, content: content, to: &decoded)
                malformedPieces += 1
                at = end
            }
        }
    }

    /// Takes the envelopes at the front, as far as they are whole and well-formed; the offset behind them.
    func splitFront(from first: Int, into decoded: inout DecodedUnit) -> Int {
        decoded.kind = .envelopes
        var at = first
        var envelope = Envelope()
        while hasStart(at: at), let end = readMessage(from: at + Self.markerLength, limit: count, &envelope) {
            append(&envelope, to: &decoded)
            at = afterWhitespace(end)
        }
        return at
    }

    /// Reads the object behind a start marker; the offset behind its end marker, nil if it is malformed.
    @inline(__always)
    private func readMessage(from content: Int, limit: Int, _ envelope: inout Envelope) -> Int? {
        var scanner = scanner(at: content, end: limit)
        scanner.skipWhitespace()
        guard readEnvelope(&scanner, &envelope), envelope.hasMid || envelope.hasText else { return nil }
        scanner.skipWhitespace()
        let end = scanner.position
        guard limit - end >= Self.markerLength, hasEnd(at: end) else { return nil }
        return end + Self.markerLength
    }

    /// Delivers what `readEnvelope` has read.
    @inline(__always)
    func append(_ envelope: inout Envelope, to decoded: inout DecodedUnit) {
        if !envelope.userParams.isEmpty || !envelope.dictionary.isEmpty {
            mergeParams(&envelope.event, with: [envelope.userParams, envelope.dictionary], to: &decoded)
        }
        if envelope.event.extra.isEmpty { envelope.event.extra = envelope.siblingExtra }
        if !envelope.hasMid { recordLegacyPosition(envelope, to: &decoded) }
        decoded.events.append(envelope.event)
    }

    @inline(never)
    func recordLegacyPosition(_ envelope: Envelope, to decoded: inout DecodedUnit) {
        decoded.legacyPositions.append(
            LegacyPosition(
                event: decoded.events.count, tag: text(envelope.tag), time: text(envelope.time),
                channel: text(envelope.channel), id: text(envelope.number)))
    }
}
