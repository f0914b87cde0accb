import Testing
import WebSocket

/// A case in the categories of the Autobahn test suite: the table plays the server, the session under test the client.
/// Numbers are the suite's; those with "+" after the category's number are further cases of the same category.
struct ConformanceCase: Sendable, CustomTestStringConvertible {
    enum Ending: Sendable {
        case open
        /// The server closed first; the client answers with the same code.
        case closed(UInt16, String = "")
        /// The client closed first.
        case closedByUs(sent: UInt16, answer: CloseFrame?)
        /// The client closes with this code; the case's `section` is the rule that was broken.
        case violation(UInt16)
        case unclean
    }

    var number: String
    var title: String
    /// Section of RFC 6455.
    var section: String
    var input: [UInt8]
    var messages: [ReceivedMessage]
    var pongs: [[UInt8]]
    var ending: Ending
    /// What the client does before the first byte arrives.
    var before: (@Sendable (inout WebSocketSession) -> Void)?
    var endsStream: Bool
    /// The size of the pieces, where the case is about it.
    var chop: Int?

    init(
        _ number: String, _ title: String, _ section: String, _ frames: [[UInt8]],
        messages: [ReceivedMessage] = [], pongs: [[UInt8]] = [], ending: Ending = .open,
        before: (@Sendable (inout WebSocketSession) -> Void)? = nil, endsStream: Bool = false, chop: Int? = nil
    ) {
        self.number = number
        self.title = title
        self.section = section
        self.input = frames.reduce(into: []) { $0 += $1 }
        self.messages = messages
        self.pongs = pongs
        self.ending = ending
        self.before = before
        self.endsStream = endsStream
        self.chop = chop
    }

    var testDescription: String { "\(number) \(title) (RFC 6455 \(section))" }

    /// Runs the case whole and in pieces: every cut in two and byte by byte where that is not too much.
    func check() {
        if let chop {
            check(cuts: Array(stride(from: chop, to: input.count, by: chop)), "in pieces of \(chop)")
            return
        }
        check(cuts: [], "whole")
        let count = input.count
        let headAndTail = Array(1..<min(16, max(1, count))) + Array(max(16, count - 3)..<max(16, count))
        if count <= 400 {
            for cut in stride(from: 1, to: count, by: 1) { check(cuts: [cut], "cut at \(cut)") }
            check(cuts: Array(stride(from: 1, to: count, by: 1)), "byte by byte")
        } else if count <= 70_000 {
            for cut in headAndTail { check(cuts: [cut], "cut at \(cut)") }
            check(cuts: Array(1..<count), "byte by byte")
        } else {
            check(cuts: headAndTail, "head and tail byte by byte")
            for size in [997, 16_384] {
                check(cuts: Array(stride(from: size, to: count, by: size)), "in pieces of \(size)")
            }
        }
    }

    private func check(cuts: [Int], _ manner: String) {
        let reception = Reception(input, cuts: cuts, before: before, endsStream: endsStream)
        if reception.messages != messages {
            Issue.record("\(manner): messages \(reception.messages), expected \(messages)")
        }
        if reception.pongs != pongs { Issue.record("\(manner): pongs \(reception.pongs)") }
        switch ending {
        case .open:
            expect(reception, nil, [], manner)
        case .closed(let code, let reason):
            expect(reception, .closedByPeer(CloseFrame(code: code, reason: reason)), [code], manner)
        case .closedByUs(let code, let answer):
            expect(reception, .closedByUs(sent: CloseFrame(code: code), answer: answer), [], manner)
        case .unclean:
            expect(reception, .unclean, [], manner)
        case .violation(let code):
            guard case .violation(let violation) = reception.ending else {
                Issue.record("\(manner): no violation but \(String(describing: reception.ending))")
                return
            }
            if violation.closeCode != code || violation.section != section || reception.closes != [code] {
                Issue.record("\(manner): \(violation), Close frames \(reception.closes)")
            }
        }
    }

    private func expect(
        _ reception: Reception, _ ending: WebSocketSession.Ending?, _ closes: [UInt16], _ manner: String
    ) {
        if reception.ending != ending || reception.closes != closes {
            Issue.record(
                "\(manner): ended \(String(describing: reception.ending)), Close frames \(reception.closes)")
        }
    }
}

/// `count` bytes of printable ASCII without a period that a power of two shares.
func asciiPayload(_ count: Int) -> [UInt8] {
    let line = Array("{\"module_id\":\"application\",\"command\":\"order.paid\",\"params\":{\"id\":4711}}".utf8)
    var bytes: [UInt8] = []
    bytes.reserveCapacity(count + line.count)
    while bytes.count < count { bytes += line }
    bytes.removeLast(bytes.count - count)
    return bytes
}
