import Events
import JSONText

/// A published body: any JSON value; usually `{"module_id":"m","command":"c","params":{…},"extra":{…}}`.
extension UnitBytes {
    /// Reads the value at the scanner as a body and fills `event`. False: no legal JSON. `userParams` and `dictionary` are
    /// what newer servers put beside `params`.
    @inline(__always)
    func readBody(
        _ scanner: inout JSONScanner, _ event: inout Event, _ userParams: inout ByteRange, _ dictionary: inout ByteRange
    ) -> Bool {
        let begin = scanner.position
        // What stood before does not belong to the body.
        scanner.sawLineBreak = false
        if scanner.next == UInt8(ascii: "{") {
            guard readObject(&scanner, &event, &userParams, &dictionary) else { return false }
        } else {
            guard scanner.skipValue() else { return false }
            event.shape = .json
        }
        event.body = range(begin, scanner.position)
        event.hasLineBreaks = scanner.sawLineBreak
        return true
    }

    @inline(__always)
    private func readObject(
        _ scanner: inout JSONScanner, _ event: inout Event, _ userParams: inout ByteRange, _ dictionary: inout ByteRange
    ) -> Bool {
        var members = BodyMembers()
        guard scanner.pass(UInt8(ascii: "{")) else { return false }
        scanner.skipWhitespace()
        if !scanner.pass(UInt8(ascii: "}")) {
            repeat {
                scanner.skipWhitespace()
                guard let key = scanner.string() else { return false }
                scanner.skipWhitespace()
                guard scanner.pass(UInt8(ascii: ":")) else { return false }
                scanner.skipWhitespace()
                guard let value = passValue(&scanner) else { return false }
                note(key, range(value.lowerBound, value.upperBound), in: &members)
                scanner.skipWhitespace()
            } while scanner.pass(UInt8(ascii: ","))
            guard scanner.pass(UInt8(ascii: "}")) else { return false }
        }
        guard isString(members.command), members.module.isEmpty || isString(members.module) else {
            event.shape = .json
            return true
        }
        event.shape = .object
        event.hasOtherMembers = members.hasOthers
        event.command = withoutQuotes(members.command)
        if !members.module.isEmpty { event.module = withoutQuotes(members.module) }
        event.params = members.params
        event.extra = members.extra
        userParams = members.userParams
        dictionary = members.dictionary
        return true
    }

    /// Keys are compared as bytes. Of two members of a name the last counts, as in every JSON parser of the field.
    @inline(__always)
    private func note(_ key: Range<Int>, _ value: ByteRange, in members: inout BodyMembers) {
        let at = key.lowerBound
        switch key.count {
        case 5 where has("extra", at: at): members.hasOthers = replace(&members.extra, by: value) || members.hasOthers
        case 6 where has("params", at: at): members.hasOthers = replace(&members.params, by: value) || members.hasOthers
        case 7 where has("command", at: at):
            members.hasOthers = replace(&members.command, by: value) || members.hasOthers
        case 9 where has("module_id", at: at):
            members.hasOthers = replace(&members.module, by: value) || members.hasOthers
        case 10 where has("dictionary", at: at):
            members.hasOthers = replace(&members.dictionary, by: value) || members.hasOthers
        case 11 where has("user_params", at: at):
            members.hasOthers = replace(&members.userParams, by: value) || members.hasOthers
        default: members.hasOthers = true
        }
    }

    /// Whether there was one before.
    @inline(__always)
    private func replace(_ member: inout ByteRange, by value: ByteRange) -> Bool {
        let isSecond = !member.isEmpty
        member = value
        return isSecond
    }

    @inline(__always)
    private func isString(_ value: ByteRange) -> Bool {
        !value.isEmpty && byte(Int(value.start) &- base) == UInt8(ascii: "\"")
    }

    @inline(__always)
    private func withoutQuotes(_ value: ByteRange) -> ByteRange {
        ByteRange(start: value.start &+ 1, end: value.end &- 1)
    }
}

/// Raw values of the known members.
private struct BodyMembers {
    var module = ByteRange.absent
    var command = ByteRange.absent
    var params = ByteRange.absent
    var extra = ByteRange.absent
    var userParams = ByteRange.absent
    var dictionary = ByteRange.absent
    /// A member of another name, or one of these twice.
    var hasOthers = false
}
