import EndToEndSupport
import Foundation
import Testing

/// A server that answers every line with the same line, in a process of its own.
private struct EchoServer {
    let process: ChildProcess
    let port: UInt16

    init() async throws {
        let port = try LoopbackPort.free()
        let script = """
            import socketserver
            class Handler(socketserver.StreamRequestHandler):
                def handle(self):
                    for line in self.rfile: self.wfile.write(line)
            class Server(socketserver.ThreadingTCPServer):
                allow_reuse_address = True
            Server(('127.0.0.1', \(port)), Handler).serve_forever()
            """
        let process = try ChildProcess("python3", ["-c", script])
        try await eventually(within: .seconds(30), "the echo server listens") { LoopbackPort.answers(port) }
        self.process = process
        self.port = port
    }
}

/// A client that sends a line and prints what comes back, or the error that ended it.
private func client(port: UInt16, lines: Int = 1) throws -> ChildProcess {
    let script = """
        import socket, sys
        s = socket.create_connection(('127.0.0.1', \(port)))
        try:
            f = s.makefile('rb')
            for number in range(\(lines)):
                s.sendall(b'line %d\\n' % number)
                answer = f.readline()
                print(answer.decode().strip() or 'end', flush=True)
            print((f.readline() or b'end').decode(), flush=True)
        except ConnectionResetError:
            print('reset', flush=True)
        """
    return try ChildProcess("python3", ["-c", script])
}

@Suite struct TCPRelayTests {
    @Test("A relay passes bytes both ways")
    func passes() async throws {
        let server = try await EchoServer()
        let relay = try TCPRelay(to: server.port)
        let client = try client(port: relay.port, lines: 100)
        try await eventually(within: .seconds(30), "100 answers") { client.output.contains("line 99\n") }
        #expect(relay.openConnections == 1)
        #expect(relay.acceptedConnections == 1)
        #expect(relay.relayedBytes == 2 * (10 * 7 + 90 * 8))
    }

    @Test("A cut is what was asked for: RST or FIN", arguments: [(TCPRelay.Cut.reset, "reset"), (.finish, "end")])
    func cuts(how: TCPRelay.Cut, outcome: String) async throws {
        let server = try await EchoServer()
        let relay = try TCPRelay(to: server.port)
        let client = try client(port: relay.port)
        try await eventually(within: .seconds(30), "one answer") { client.output.contains("line 0") }
        try await relay.cut(how)
        #expect(relay.openConnections == 0)
        _ = try await client.exit(within: .seconds(30))
        #expect(client.output == "line 0\n\(outcome)\n")
    }

    @Test("A frozen relay loses nothing")
    func freezes() async throws {
        let server = try await EchoServer()
        let relay = try TCPRelay(to: server.port)
        relay.behaviour.isFrozen = true
        let client = try client(port: relay.port)
        try await eventually(within: .seconds(30), "the connection stands") { relay.acceptedConnections == 1 }
        #expect(relay.relayedBytes == 0)
        relay.behaviour.isFrozen = false
        try await eventually(within: .seconds(30), "the answer comes") { client.output.contains("line 0") }
    }

    @Test("A delay is added in each direction")
    func delays() async throws {
        let server = try await EchoServer()
        let relay = try TCPRelay(to: server.port)
        relay.behaviour.delay = .milliseconds(100)
        let script = """
            import socket, time
            s = socket.create_connection(('127.0.0.1', \(relay.port)))
            start = time.monotonic()
            s.sendall(b'line\\n')
            s.recv(5)
            print(int((time.monotonic() - start) * 1000))
            """
        let milliseconds = try await CommandLineTool.run("python3", ["-c", script]).dropLast()
        #expect(try #require(Int(milliseconds)) >= 200)
    }

    @Test("A slow relay keeps to its rate")
    func slows() async throws {
        let server = try await EchoServer()
        let relay = try TCPRelay(to: server.port)
        relay.behaviour.bytesPerSecond = 1000
        let clock = ContinuousClock()
        let start = clock.now
        let client = try client(port: relay.port, lines: 20)
        try await eventually(within: .seconds(30), "20 answers") { client.output.contains("line 19\n") }
        // 150 bytes there and the same back, one after the other.
        #expect(clock.now - start >= .milliseconds(290))
    }

    @Test("A refusing relay resets new connections")
    func refuses() async throws {
        let server = try await EchoServer()
        let relay = try TCPRelay(to: server.port)
        relay.behaviour.refuses = true
        let client = try client(port: relay.port)
        _ = try await client.exit(within: .seconds(20))
        #expect(client.output == "reset\n" || client.errorOutput.contains("Error"))
        #expect(relay.acceptedConnections == 0)
    }

    @Test("A half-open relay swallows both directions, tells nobody, and never works again; a new connection does")
    func halfOpen() async throws {
        let server = try await EchoServer()
        let relay = try TCPRelay(to: server.port)
        let standing = try talker(port: relay.port)
        try await eventually(within: .seconds(30), "the connection works") { standing.output.contains("answer") }
        relay.set(.halfOpen, for: .standing)
        try await eventually(within: .seconds(30), "silence") { standing.output.contains("silence") }
        relay.behaviour = .whole
        let new = try client(port: relay.port)
        try await eventually(within: .seconds(30), "a new connection works") { new.output.contains("line 0") }
        let count = standing.output.split(separator: "\n").filter { $0 == "silence" }.count
        try await eventually(within: .seconds(30), "the old one stays silent, and open") {
            standing.output.split(separator: "\n").filter { $0 == "silence" }.count > count + 1
        }
        #expect(standing.exit == nil)
        #expect(relay.openConnections == 2)
    }

    @Test("A behaviour for connections to come leaves those that stand as they are")
    func scopes() async throws {
        let server = try await EchoServer()
        let relay = try TCPRelay(to: server.port)
        let standing = try talker(port: relay.port)
        try await eventually(within: .seconds(30), "the connection works") { standing.output.contains("answer") }
        relay.set(.refusing, for: .new)
        let refused = try client(port: relay.port)
        _ = try await refused.exit(within: .seconds(20))
        #expect(refused.output == "reset\n" || refused.errorOutput.contains("Error"))
        let answers = standing.output.split(separator: "\n").count
        try await eventually(within: .seconds(30), "the standing one goes on") {
            standing.output.split(separator: "\n").count > answers + 2
        }
        #expect(!standing.output.contains("silence"))
    }

    @Test("A relay that hands on single bytes loses none, and the reader gets them in small pieces")
    func byteByByte() async throws {
        let server = try await EchoServer()
        let relay = try TCPRelay(to: server.port)
        relay.behaviour = .byteByByte
        let script = """
            import socket
            s = socket.create_connection(('127.0.0.1', \(relay.port)))
            line = bytes(range(32, 127)) * 50 + b'\\n'
            s.sendall(line)
            got, reads = b'', 0
            while len(got) < len(line):
                got += s.recv(65536)
                reads += 1
            print(got == line, reads)
            """
        let words = try await CommandLineTool.run("python3", ["-c", script]).split(whereSeparator: \.isWhitespace)
        #expect(words.first == "True")
        #expect(try #require(Int(words.last ?? "")) > 10)
    }
}

/// A client that sends a line every 20 ms and says whether an answer came within 200 ms.
private func talker(port: UInt16) throws -> ChildProcess {
    let script = """
        import socket, time
        s = socket.create_connection(('127.0.0.1', \(port)))
        s.settimeout(0.2)
        while True:
            s.sendall(b'line\\n')
            try:
                print('answer' if s.recv(100) else 'end', flush=True)
            except TimeoutError:
                print('silence', flush=True)
            time.sleep(0.02)
        """
    return try ChildProcess("python3", ["-c", script])
}
