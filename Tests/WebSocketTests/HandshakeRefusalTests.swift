import Testing
import WebSocket

@Suite("A refused handshake shows status, fields and the beginning of the body")
struct HandshakeRefusalTests {
    @Test(
        "C9: a refusal is whole when its body is",
        arguments: [
            (400, "Wrong Channel Id.", "4010: Wrong Channel Id."), (400, "Bad Request", "4036: Wrong Client Id."),
            (401, "Unauthorized", "jwt expired"), (403, "Forbidden", "<html>nginx</html>"), (404, "Not Found", ""),
            (429, "Too Many Requests", "slow down"), (503, "Service Unavailable", "over capacity"),
            (302, "Found", "moved"), (200, "OK", "not a push server"),
        ])
    func withLength(_ status: Int, _ reason: String, _ body: String) {
        let answer =
            "HTTP/1.1 \(status) \(reason)\r\nRetry-After: 120\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)"
        let expected = HandshakeAnswer.Result.refused(
            status: status, reason: reason, headers: ["retry-after=120", "content-length=\(body.utf8.count)"],
            body: body)
        for size in [1, 3, 50, 1000] {
            #expect(HandshakeAnswer.outcome(answer, size: size) == expected)
        }
        #expect(HandshakeAnswer.outcome(answer + "the next answer") == expected)
        #expect(HandshakeAnswer.outcome(answer.replacing("HTTP/1.1", with: "HTTP/1.0")) == expected)
    }

    @Test("a body without a length lasts to the end of the stream")
    func withoutLength() {
        let answer = "HTTP/1.1 403 Forbidden\r\n\r\nunknown channel"
        #expect(HandshakeAnswer.outcome(answer, size: 4) == .incomplete)
        #expect(
            HandshakeAnswer.outcome(answer, size: 4, endsStream: true)
                == .refused(status: 403, reason: "Forbidden", headers: [], body: "unknown channel"))
    }

    @Test("a body that ends early shows what came")
    func cutShort() {
        let answer = "HTTP/1.1 503 Busy\r\nContent-Length: 100\r\n\r\npart"
        #expect(HandshakeAnswer.outcome(answer) == .incomplete)
        #expect(
            HandshakeAnswer.outcome(answer, endsStream: true)
                == .refused(status: 503, reason: "Busy", headers: ["content-length=100"], body: "part"))
    }

    @Test("a chunked body is put together", arguments: [1, 2, 5, 13, 1000])
    func chunked(_ size: Int) {
        #expect(
            HandshakeAnswer.outcome(HandshakeAnswer.chunked, size: size)
                == .refused(
                    status: 400, reason: "Bad Request", headers: ["transfer-encoding=chunked"],
                    body: "Wrong Channel Id."))
    }

    @Test(
        "a malformed chunk ends the body",
        arguments: [
            "3\r\nabc\r\nxyz\r\n", "3\r\nabc\r\n-5\r\nabc\r\n", "3\r\nabc\r\n\r\n",
            "3\r\nabc\r\nffffffffffffffffff\r\n",
        ])
    func malformedChunk(_ body: String) {
        let answer = "HTTP/1.1 400 Bad\r\nTransfer-Encoding: gzip, Chunked\r\n\r\n" + body
        guard case .refused(400, _, _, "abc") = HandshakeAnswer.outcome(answer) else {
            Issue.record("\(HandshakeAnswer.outcome(answer))")
            return
        }
    }

    @Test(
        "4 KiB of a body are kept, however it is sent",
        arguments: [
            "Content-Length: 100000", "Transfer-Encoding: chunked", "Content-Length: 99999999999999999999", "X: y",
        ])
    func longBody(_ field: String) {
        let isChunked = field.hasPrefix("Transfer")
        let body = String(repeating: "x", count: 20_000)
        let answer = "HTTP/1.1 500 Oops\r\n\(field)\r\n\r\n" + (isChunked ? "186a0\r\n\(body)" : body)
        for size in [1000, 100_000] {
            guard case .refused(500, "Oops", _, let kept) = HandshakeAnswer.outcome(answer, size: size) else {
                Issue.record("not refused")
                return
            }
            #expect(kept == String(repeating: "x", count: 4096))
        }
    }

    @Test("204 and 304 have no body", arguments: [204, 304])
    func noBody(_ status: Int) {
        #expect(
            HandshakeAnswer.outcome("HTTP/1.1 \(status)\r\n\r\n")
                == .refused(status: status, reason: "", headers: [], body: ""))
    }

    @Test("control characters do not get through in the reason")
    func reason() {
        #expect(
            HandshakeAnswer.outcome("HTTP/1.1 400 a\u{1B}[31mb\r\nContent-Length: 0\r\n\r\n")
                == .refused(status: 400, reason: "a [31mb", headers: ["content-length=0"], body: ""))
    }
}
