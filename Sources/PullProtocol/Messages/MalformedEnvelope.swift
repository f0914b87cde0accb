import Events
import JSONText

/// What can be saved of an envelope that is no legal JSON. Servers insert a published body without looking at it, so most
/// often the envelope is fine and the body is not.
extension UnitBytes {
    /// The server's members stand within this many bytes, before anything that a publisher wrote.
    private static let headLength = 256

    /// Reports `piece`. `content` is where its object should begin.
    @inline(never)
    func reportMalformed(_ piece: Range<Int>, content: Int, to decoded: inout DecodedUnit) {
        if isTruncated, piece.upperBound == count {
            decoded.truncatedBytes += piece.count
            return
        }
        var end = beforeWhitespace(content, piece.upperBound)
        guard end - content >= Self.markerLength, hasEnd(at: end - Self.markerLength) else {
            return report(piece, head: readHead(content, piece.upperBound), bodyEnd: nil, to: &decoded)
        }
        end = beforeWhitespace(content, end - Self.markerLength)
        report(piece, head: readHead(content, end), bodyEnd: end - 1, to: &decoded)
    }

    /// Reports an object that stands without markers, alone or in an array.
    func reportMalformed(element: Range<Int>, to decoded: inout DecodedUnit) {
        if isTruncated, element.upperBound == count {
            decoded.truncatedBytes += element.count
            return
        }
        let end = beforeWhitespace(element.lowerBound, element.upperBound)
        report(element, head: readHead(element.lowerBound, end), bodyEnd: end - 1, to: &decoded)
    }

    /// Whether what is no legal JSON can still be seen to have been an envelope.
    func isEnvelope(_ element: Range<Int>) -> Bool {
        salvagedID(element) != nil || readHead(element.lowerBound, element.upperBound).body != nil
    }

    /// - Parameter bodyEnd: where the brace that closes the object should stand.
    private func report(
        _ piece: Range<Int>, head: (envelope: Envelope, body: Int?), bodyEnd: Int?, to decoded: inout DecodedUnit
    ) {
        var envelope = head.envelope
        var report = MalformedPiece(range: range(piece.lowerBound, piece.upperBound))
        report.id = envelope.hasMid ? envelope.event.id : salvagedID(piece)
        if let body = head.body, let bodyEnd, bodyEnd >= body, byte(bodyEnd) == UInt8(ascii: "}") {
            let raw = range(body, bodyEnd)
            report.rawBody = raw
            report.event = decoded.events.count
            envelope.event.body = raw
            append(&envelope, to: &decoded)
        }
        decoded.malformed.append(report)
    }

    /// Reads members up to `"text":`; the offset behind it, nil if these are not legal or there is none.
    private func readHead(_ content: Int, _ end: Int) -> (envelope: Envelope, body: Int?) {
        var envelope = Envelope()
        var scanner = scanner(at: content, end: end)
        scanner.skipWhitespace()
        guard scanner.pass(UInt8(ascii: "{")) else { return (envelope, nil) }
        repeat {
            scanner.skipWhitespace()
            let before = scanner
            guard let key = scanner.string() else { return (envelope, nil) }
            scanner.skipWhitespace()
            guard scanner.pass(UInt8(ascii: ":")) else { return (envelope, nil) }
            if key.count == 4, has("text", at: key.lowerBound) { return (envelope, scanner.position) }
            scanner = before
            guard readEnvelopeMember(&scanner, &envelope) else { return (envelope, nil) }
            scanner.skipWhitespace()
        } while scanner.pass(UInt8(ascii: ","))
        return (envelope, nil)
    }

    /// The first `"mid":"` with 26 digits and a quote, as long as no body has begun.
    private func salvagedID(_ piece: Range<Int>) -> MessageID? {
        let end = min(piece.upperBound, piece.lowerBound + Self.headLength)
        let keyLength = #""mid":"#.utf8.count
        let length = keyLength + 1 + MessageID.length + 1
        var at = piece.lowerBound
        while end - at >= length, !has(#""text":"#, at: at) {
            if has(#""mid":""#, at: at) {
                return byte(at + length - 1) == UInt8(ascii: "\"") ? messageID(at + keyLength..<at + length) : nil
            }
            at += 1
        }
        return nil
    }
}
