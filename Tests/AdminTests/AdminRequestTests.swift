import Testing

@testable import Admin

@Suite struct AdminRequestTests {
    private func parse(_ text: String) throws(AdminRefusal) -> AdminRequest? {
        try AdminRequest.parse(Array(text.utf8))
    }

    @Test("A request is its path, without the query")
    func request() throws {
        let request = try parse("GET /metrics?x=1 HTTP/1.1\r\nHost: 127.0.0.1:9187\r\nAccept: */*\r\n\r\n")
        #expect(request == AdminRequest(path: "/metrics", isHead: false, host: "127.0.0.1:9187"))
        #expect(try parse("HEAD / HTTP/1.0\r\n\r\n") == AdminRequest(path: "/", isHead: true))
    }

    @Test(
        "A request that is not yet whole is waited for",
        arguments: [
            "", "GET", "GET / HTTP/1.1\r\n", "GET / HTTP/1.1\r\nHost: a\r\n", "GET / HTTP/1.1\r\nHost: a\r\n\r",
        ])
    func part(text: String) throws {
        #expect(try parse(text) == nil)
    }

    @Test("What is whole after each byte is the same request")
    func byteByByte() throws {
        let bytes = Array("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n".utf8)
        for count in 0..<bytes.count { #expect(try AdminRequest.parse(Array(bytes[..<count])) == nil) }
        #expect(try AdminRequest.parse(bytes)?.path == "/healthz")
    }

    @Test(
        "Methods other than GET and HEAD are refused",
        arguments: ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PATCH", "get", "BREW"])
    func methods(method: String) {
        #expect(throws: AdminRefusal.method) { try parse("\(method) / HTTP/1.1\r\nHost: a\r\n\r\n") }
    }

    @Test(
        "What is no HTTP request is refused",
        arguments: [
            "\r\n\r\n", "GET /\r\n\r\n", "GET  / HTTP/1.1\r\nHost: a\r\n\r\n", "GET / HTTP/1.1 \r\nHost: a\r\n\r\n",
            "GET / HTTP/1.1\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
            "GET / HTTP/1.1\r\nHost : a\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n", "GET / HTTP/1.1\r\nHost\r\n\r\n",
            "GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n", "GET /\u{1} HTTP/1.1\r\nHost: a\r\n\r\n",
            "(x) / HTTP/1.1\r\nHost: a\r\n\r\n", "GET / SPDY/1\r\nHost: a\r\n\r\n",
        ])
    func malformed(text: String) {
        #expect(throws: AdminRefusal.malformed) { try parse(text) }
    }

    @Test("Bytes that are no text are refused")
    func noText() {
        #expect(throws: AdminRefusal.malformed) {
            try AdminRequest.parse(Array("GET /".utf8) + [0xFF] + Array(" HTTP/1.1\r\nHost: a\r\n\r\n".utf8))
        }
    }

    @Test("Another version of HTTP is told which one is spoken", arguments: ["HTTP/2.0", "HTTP/3", "HTTP/1.2"])
    func versions(version: String) {
        #expect(throws: AdminRefusal.version) { try parse("GET / \(version)\r\nHost: a\r\n\r\n") }
    }

    @Test("A request of 8 KiB is taken, and one byte more is refused, whole or not")
    func size() throws {
        let frame = "GET / HTTP/1.1\r\nHost: a\r\nX: \r\n\r\n".utf8.count
        func request(_ size: Int) -> String {
            "GET / HTTP/1.1\r\nHost: a\r\nX: \(String(repeating: "x", count: size - frame))\r\n\r\n"
        }
        #expect(try parse(request(8192))?.path == "/")
        #expect(throws: AdminRefusal.tooLarge) { try parse(request(8193)) }
        #expect(throws: AdminRefusal.tooLarge) { try parse(String(repeating: "x", count: 8192)) }
    }
}
