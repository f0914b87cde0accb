import Addresses
import EndToEndSupport
import Foundation
import Synchronization
import Testing

@testable import Admin

/// The admin endpoint over real sockets.
@Suite struct AdminServerTests {
    /// Whatever comes until the server closes.
    private func talk(_ path: String, _ request: String) async throws -> String {
        try await RawExchange.exchange(path, request)
    }

    private func get(_ path: String) -> String { "GET \(path) HTTP/1.1\r\nHost: x\r\n\r\n" }

    private func server(
        in directory: ScratchDirectory, limits: AdminConnection.Limits = .init(),
        handler: @escaping AdminServer.Handler = { .text(200, "path \($0)") }
    ) throws -> (AdminServer, String) {
        let path = directory.file("admin.sock")
        return (try AdminServer(on: .socket(path: path), limits: limits, handler: handler), path)
    }

    @Test("A request is answered, and the connection is closed")
    func answer() async throws {
        let directory = try ScratchDirectory()
        let (server, path) = try server(in: directory)
        let answer = try await talk(path, get("/a?b"))
        #expect(answer.hasPrefix("HTTP/1.1 200 OK\r\n"))
        #expect(answer.contains("\r\nConnection: close\r\n"))
        #expect(answer.contains("\r\nContent-Length: 8\r\n"))
        #expect(answer.hasSuffix("\r\n\r\npath /a\n"))
        await server.stop()
    }

    @Test("HEAD has the headers of GET and no body")
    func head() async throws {
        let directory = try ScratchDirectory()
        let (server, path) = try server(in: directory)
        let answer = try await talk(path, "HEAD /a HTTP/1.1\r\nHost: x\r\n\r\n")
        #expect(answer.contains("\r\nContent-Length: 8\r\n") && answer.hasSuffix("\r\n\r\n"))
        await server.stop()
    }

    @Test("Another method is told what is allowed, and asks nobody")
    func method() async throws {
        let directory = try ScratchDirectory()
        let asked = Mutex(0)
        let (server, path) = try server(in: directory) { _ in
            asked.withLock { $0 += 1 }
            return .text(200, "")
        }
        let answer = try await talk(path, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc")
        #expect(answer.hasPrefix("HTTP/1.1 405 Method Not Allowed\r\n") && answer.contains("Allow: GET, HEAD\r\n"))
        #expect(asked.withLock { $0 } == 0)
        await server.stop()
    }

    @Test("Only the owner can open the socket, and it goes with the endpoint")
    func mode() async throws {
        let directory = try ScratchDirectory()
        let (server, path) = try server(in: directory)
        let attributes = try FileManager.default.attributesOfItem(atPath: path)
        #expect(attributes[.posixPermissions] as? Int == 0o600)
        await server.stop()
        #expect(!FileManager.default.fileExists(atPath: path))
    }

    @Test("A socket that a dead process has left is replaced")
    func stale() async throws {
        let directory = try ScratchDirectory()
        let path = directory.file("admin.sock")
        try RawExchange.leaveStale(path)
        let server = try AdminServer(on: .socket(path: path)) { _ in .text(200, "new") }
        #expect(try await talk(path, get("/")).hasSuffix("new\n"))
        await server.stop()
    }

    @Test("A socket that answers is somebody's: it is refused, and goes on")
    func live() async throws {
        let directory = try ScratchDirectory()
        let (first, path) = try server(in: directory)
        let refusal = #expect(throws: AdminError.self) {
            try AdminServer(on: .socket(path: path)) { _ in .text(200, "second") }
        }
        #expect(refusal?.code == .inUse && refusal?.description.contains("another process listens on") == true)
        #expect(try await talk(path, get("/x")).hasSuffix("path /x\n"))
        await first.stop()
    }

    @Test("A file that is no socket is not removed")
    func noSocket() throws {
        let directory = try ScratchDirectory()
        let path = try directory.write("precious", to: "admin.sock")
        let refusal = #expect(throws: AdminError.self) {
            try AdminServer(on: .socket(path: path)) { _ in .text(200, "") }
        }
        #expect(refusal?.code == .notASocket)
        #expect(try String(contentsOfFile: path, encoding: .utf8) == "precious")
    }

    @Test("A client that does not finish its request is told so in time, and others are served meanwhile")
    func slow() async throws {
        let directory = try ScratchDirectory()
        var limits = AdminConnection.Limits()
        limits.request = .milliseconds(300)
        let (server, path) = try server(in: directory, limits: limits)
        async let slow = talk(path, "GET / HTTP/1.1\r\n")
        #expect(try await talk(path, get("/b")).hasSuffix("path /b\n"))
        #expect(try await slow.hasPrefix("HTTP/1.1 408 "))
        await server.stop()
    }

    @Test("A daemon that does not answer is told as such")
    func stuck() async throws {
        let directory = try ScratchDirectory()
        var limits = AdminConnection.Limits()
        limits.answer = .milliseconds(200)
        let (server, path) = try server(in: directory, limits: limits) { _ in
            try? await Task.sleep(for: .seconds(2))
            return .text(200, "late")
        }
        #expect(try await talk(path, get("/healthz")).hasPrefix("HTTP/1.1 503 "))
        await server.stop()
    }

    @Test("Silent clients keep nobody out for longer than their time")
    func crowd() async throws {
        let directory = try ScratchDirectory()
        var limits = AdminConnection.Limits()
        limits.request = .milliseconds(300)
        let (server, path) = try server(in: directory, limits: limits)
        // All of them fit into the server and its queue: connecting must not wait.
        let silent = try (0..<30).map { _ in try RawExchange.connect(path) }
        #expect(try await talk(path, get("/c")).hasSuffix("path /c\n"))
        for descriptor in silent { close(descriptor) }
        await server.stop()
    }

    @Test("A long answer comes whole to a client that reads slowly")
    func long() async throws {
        let directory = try ScratchDirectory()
        let body = [UInt8](repeating: 0x61, count: 3_000_000)
        let (server, path) = try server(in: directory) { _ in
            AdminAnswer(status: 200, contentType: "text/plain", body: body)
        }
        let answer = try await RawExchange.exchange(path, get("/"), pause: .milliseconds(1))
        #expect(answer.utf8.count > 3_000_000 && answer.hasSuffix("aaa"))
        await server.stop()
    }

    @Test(
        "Over TCP a name that is not this machine's is refused, as a page in a browser would send it",
        arguments: [
            ("127.0.0.1:9187", 200), ("localhost", 200), ("[::1]:9187", 200), ("evil.example:9187", 403),
            ("127.0.0.1.evil.example", 403),
        ])
    func rebinding(host: String, status: Int) async throws {
        let port = try LoopbackPort.free()
        let server = try AdminServer(on: .loopback(host: "127.0.0.1", port: port)) { .text(200, $0) }
        let answer = try await RawExchange.exchange(port: port, "GET / HTTP/1.1\r\nHost: \(host)\r\n\r\n")
        #expect(answer.hasPrefix("HTTP/1.1 \(status) "))
        await server.stop()
    }
}
