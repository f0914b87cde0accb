import Testing
import WebSocket

@Suite("The opening handshake accepts what RFC 6455 4.1 allows, and nothing else")
struct HandshakeTests {
    @Test("the request holds what RFC 6455 asks, and the caller's fields")
    func request() {
        let handshake = HandshakeAnswer.handshake(headers: [("Origin", "https://example.com"), ("X-Trace", "1")])
        #expect(
            String(decoding: handshake.request, as: UTF8.self)
                == "GET /sub/?clientId=1 HTTP/1.1\r\nHost: push.example.com:8443\r\nUpgrade: websocket\r\n"
                + "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
                + "Origin: https://example.com\r\nX-Trace: 1\r\n\r\n")
    }

    @Test("nothing given can break out of its line")
    func injection() {
        let handshake = OpeningHandshake(
            host: "a\r\nX: 1", target: "sub ?a=\r\nb#c\u{e9}",
            headers: [
                ("X-A", "1\r\nEvil: 2"), ("Bad Name", "1"), ("", "1"), ("Sec-WebSocket-Extensions", "x"), ("HOST", "b"),
            ],
            key: [UInt8](repeating: 0, count: 16))
        #expect(
            String(decoding: handshake.request, as: UTF8.self)
                == "GET /sub%20?a=%0D%0Ab%23c%C3%A9 HTTP/1.1\r\nHost: aX:1\r\nUpgrade: websocket\r\n"
                + "Connection: Upgrade\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n"
                + "X-A: 1  Evil: 2\r\n\r\n")
    }

    @Test("the handshake does not print what it sends")
    func secrecy() {
        let handshake = HandshakeAnswer.handshake(target: "/sub/?CHANNEL_ID=secret")
        var dumped = "\(handshake) \(String(reflecting: handshake))"
        dump(handshake, to: &dumped)
        #expect(!dumped.contains("secret") && !dumped.contains("115"))
    }

    @Test("C9: an answer in small pieces is put together", arguments: 1...170)
    func pieces(_ size: Int) {
        #expect(HandshakeAnswer.outcome(HandshakeAnswer.accepting, size: size) == .accepted(rest: []))
    }

    @Test("C9: frames that come with the answer are kept", arguments: [1, 2, 7, 100, 1000])
    func earlyData(_ size: Int) {
        let result = HandshakeAnswer.outcome(HandshakeAnswer.accepting + "\u{1}\u{2}early\r\n\r\n", size: size)
        #expect(result == .accepted(rest: [1, 2] + Array("early\r\n\r\n".utf8)))
    }

    @Test("once decided, an outcome stays")
    func decided() {
        var handshake = HandshakeAnswer.handshake()
        let answer = Array(HandshakeAnswer.accepting.utf8)
        guard case .accepted(let consumed) = answer.withUnsafeBytes({ handshake.receive($0) }) else {
            Issue.record("not accepted")
            return
        }
        #expect(consumed == answer.count)
        guard case .accepted(0) = answer.withUnsafeBytes({ handshake.receive($0) }) else {
            Issue.record("not accepted any more")
            return
        }
    }

    @Test(
        "a 101 in another spelling is accepted",
        arguments: [
            ["UPGRADE: WebSocket", "connection: keep-alive, upgrade"],
            ["upgrade:websocket", "Connection: keep-alive", "CONNECTION:  Upgrade \t"],
            ["Upgrade: websocket", "Connection: ,Upgrade,", "Sec-WebSocket-Extensions:", "Server: x"],
        ])
    func otherSpelling(_ lines: [String]) {
        let answer = answer(lines + ["sec-websocket-ACCEPT:   \(HandshakeAnswer.accept)  "])
        #expect(HandshakeAnswer.outcome(answer) == .accepted(rest: []))
        let withoutReason = answer.replacing("101 Switching Protocols", with: "101").replacing("\r\n", with: "\n")
        #expect(HandshakeAnswer.outcome(withoutReason + "\u{1}", size: 3) == .accepted(rest: [1]))
    }

    @Test("interim answers before the 101 are passed over", arguments: [1, 5, 1000])
    func interim(_ size: Int) {
        let answer =
            "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n" + HandshakeAnswer.accepting
        #expect(HandshakeAnswer.outcome(answer + "x", size: size) == .accepted(rest: [0x78]))
    }

    private static let upgrade = "Upgrade: websocket"
    private static let connection = "Connection: Upgrade"
    private static let accept = "Sec-WebSocket-Accept: \(HandshakeAnswer.accept)"

    @Test(
        "C9: a 101 that breaks a rule is refused",
        arguments: [
            ([upgrade, connection], "101 with a wrong or missing Sec-WebSocket-Accept"),
            (
                [upgrade, connection, "Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA="],
                "101 with a wrong or missing Sec-WebSocket-Accept"
            ),
            ([upgrade, connection, accept.lowercased()], "101 with a wrong or missing Sec-WebSocket-Accept"),
            ([upgrade, connection, accept, accept], "101 with a wrong or missing Sec-WebSocket-Accept"),
            ([connection, accept], "101 without `Upgrade: websocket`"),
            (["Upgrade: h2c", connection, accept], "101 without `Upgrade: websocket`"),
            ([upgrade, accept], "101 without `Connection: Upgrade`"),
            ([upgrade, "Connection: upgraded", accept], "101 without `Connection: Upgrade`"),
            (
                [upgrade, connection, accept, "Sec-WebSocket-Extensions: permessage-deflate"],
                "101 with an extension that was not offered"
            ),
            (
                [upgrade, connection, accept, "Sec-WebSocket-Protocol: chat"],
                "101 with a subprotocol that was not offered"
            ),
            ([upgrade, connection, accept, "no colon"], "answer with a malformed header field"),
            ([upgrade, connection, accept, " folded: x"], "answer with a malformed header field"),
            ([upgrade, connection, accept, "Name : x"], "answer with a malformed header field"),
            ([upgrade, connection, accept, ": x"], "answer with a malformed header field"),
            ([upgrade, connection, accept, "X: a\u{0}b"], "answer with control characters in a header field"),
        ])
    func broken101(_ lines: [String], _ message: String) {
        #expect(HandshakeAnswer.outcome(answer(lines)) == .invalid(message))
        #expect(HandshakeAnswer.outcome(answer(lines), size: 1) == .invalid(message))
    }

    @Test(
        "what is not HTTP/1.1 is refused",
        arguments: [
            "HTTP/2 101\r\n\r\n", "HTTP/1.1 1x1 a\r\n\r\n", "HTTP/1.1 1010\r\n\r\n", "HTTP/1.1\r\n\r\n", "\r\n\r\n",
            "SSH-2.0-OpenSSH_9.2\r\n\r\n", "HTTP/1.1 099 a\r\n\r\n", "HTTP/1.0 101 Switching Protocols\r\n\r\n",
        ])
    func notHTTP(_ answer: String) {
        guard case .invalid = HandshakeAnswer.outcome(answer) else {
            Issue.record("\(HandshakeAnswer.outcome(answer))")
            return
        }
    }

    @Test("a subprotocol is accepted if it was offered, one only")
    func subprotocol() {
        let handshake = HandshakeAnswer.handshake(headers: [("Sec-WebSocket-Protocol", "chat, superchat")])
        let base = [Self.upgrade, Self.connection, Self.accept]
        let good = answer(base + ["Sec-WebSocket-Protocol: superchat"])
        #expect(HandshakeAnswer.outcome(good, handshake: handshake) == .accepted(rest: []))
        for lines in [
            ["Sec-WebSocket-Protocol: other"], ["Sec-WebSocket-Protocol: chat", "Sec-WebSocket-Protocol: chat"],
        ] {
            let result = HandshakeAnswer.outcome(answer(base + lines), handshake: handshake)
            #expect(result == .invalid("101 with a subprotocol that was not offered"))
        }
    }

    @Test("a head without an end stops at 64 KiB")
    func endlessHead() {
        let endless = "HTTP/1.1 101 Switching Protocols\r\nX: " + String(repeating: "a", count: 70_000)
        #expect(HandshakeAnswer.outcome(endless) == .invalid("answer's head is larger than 64 KiB"))
        #expect(HandshakeAnswer.outcome(endless, size: 1000) == .invalid("answer's head is larger than 64 KiB"))
        let interims = String(repeating: "HTTP/1.1 100 Continue\r\n\r\n", count: 3000)
        #expect(HandshakeAnswer.outcome(interims, size: 500) == .invalid("answer's head is larger than 64 KiB"))
    }

    @Test(
        "an end of the stream within the head is no answer",
        arguments: ["", "HTTP/1.1 101 Switching", "HTTP/1.1 400 Bad Request\r\n"])
    func endOfStream(_ answer: String) {
        #expect(HandshakeAnswer.outcome(answer) == .incomplete)
        #expect(
            HandshakeAnswer.outcome(answer, endsStream: true) == .invalid("connection ended within the handshake"))
    }

    private func answer(_ lines: [String]) -> String {
        (["HTTP/1.1 101 Switching Protocols"] + lines).joined(separator: "\r\n") + "\r\n\r\n"
    }
}
