import Events
import JSONText

/// The object that push servers wrap around a body:
/// `{"id":42,"mid":"170…42","channel":"-","tag":"123","time":"Tue, …","text":BODY}`.
struct Envelope {
    var event = Event()
    var hasMid = false
    var hasText = false
    /// A member `jsonrpc`: this is no envelope but a JSON-RPC object.
    var isRemoteCall = false
    /// Contents of strings, or numbers as written.
    var number = ByteRange.absent
    var channel = ByteRange.absent
    var tag = ByteRange.absent
    var time = ByteRange.absent
    var siblingExtra = ByteRange.absent
    /// Of the body, to be merged into its `params`.
    var userParams = ByteRange.absent
    var dictionary = ByteRange.absent
}

extension UnitBytes {
    /// Reads an object in one pass. False: it is not legal JSON. Of members that stand there twice the first counts: servers
    /// write theirs before the body.
    func readEnvelope(_ scanner: inout JSONScanner, _ envelope: inout Envelope) -> Bool {
        envelope = Envelope()
        guard scanner.pass(UInt8(ascii: "{")) else { return false }
        scanner.skipWhitespace()
        if scanner.pass(UInt8(ascii: "}")) { return true }
        while true {
            guard readEnvelopeMember(&scanner, &envelope) else { return false }
            scanner.skipWhitespace()
            if scanner.pass(UInt8(ascii: ",")) {
                scanner.skipWhitespace()
                continue
            }
            return scanner.pass(UInt8(ascii: "}"))
        }
    }

    @inline(__always)
    func readEnvelopeMember(_ scanner: inout JSONScanner, _ envelope: inout Envelope) -> Bool {
        guard let key = scanner.string() else { return false }
        scanner.skipWhitespace()
        guard scanner.pass(UInt8(ascii: ":")) else { return false }
        scanner.skipWhitespace()
        if key.count == 4, !envelope.hasText, has("text", at: key.lowerBound) {
            envelope.hasText = true
            return readBody(&scanner, &envelope.event, &envelope.userParams, &envelope.dictionary)
        }
        guard let value = passValue(&scanner) else { return false }
        switch key.count {
        case 2 where has("id", at: key.lowerBound):
            keep(value, in: &envelope.number)
        case 3 where has("mid", at: key.lowerBound):
            if !envelope.hasMid { envelope.event.id = messageID(value) }
            envelope.hasMid = true
        case 3 where has("tag", at: key.lowerBound):
            keep(value, in: &envelope.tag)
        case 4 where has("time", at: key.lowerBound):
            keep(value, in: &envelope.time)
        case 5 where has("extra", at: key.lowerBound):
            if envelope.siblingExtra.isEmpty { envelope.siblingExtra = range(value.lowerBound, value.upperBound) }
        case 7 where has("channel", at: key.lowerBound):
            keep(value, in: &envelope.channel)
        case 7 where has("jsonrpc", at: key.lowerBound):
            envelope.isRemoteCall = true
        default:
            break
        }
        return true
    }

    /// Passes a value; its range, quotes and brackets included.
    @inline(__always)
    func passValue(_ scanner: inout JSONScanner) -> Range<Int>? {
        let begin = scanner.position
        if scanner.next == UInt8(ascii: "\"") {
            guard scanner.string() != nil else { return nil }
        } else {
            guard scanner.skipValue() else { return nil }
        }
        return Range(uncheckedBounds: (begin, scanner.position))
    }

    /// Without the quotes of a string.
    @inline(__always)
    private func keep(_ value: Range<Int>, in place: inout ByteRange) {
        guard place.isEmpty else { return }
        let quote = byte(value.lowerBound) == UInt8(ascii: "\"") ? 1 : 0
        place = range(value.lowerBound + quote, value.upperBound - quote)
    }

    /// The id in a JSON string of exactly 26 digits.
    @inline(__always)
    func messageID(_ value: Range<Int>) -> MessageID? {
        guard value.count == MessageID.length + 2, byte(value.lowerBound) == UInt8(ascii: "\"") else { return nil }
        return DecimalDigits.messageID(start + value.lowerBound + 1)
    }
}
