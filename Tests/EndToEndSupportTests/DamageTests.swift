import EndToEndSupport
import Foundation
import Testing

@Suite struct SmallDiskTests {
    @Test("A small disk is full when it is filled, and has room again when it is freed", arguments: [true, false])
    func fills(isOwnNamespace: Bool) async throws {
        guard let disk = try await Self.disk(isOwnNamespace ? .namespace : .possible) else { return }
        let size = disk.freeBytes
        #expect(size <= 8 << 20 && size > 7 << 20)
        try disk.fill(leaving: 1 << 20)
        #expect(abs(disk.freeBytes - 1 << 20) <= 8192)
        try disk.fill()
        #expect(disk.freeBytes == 0)
        let full = try await Self.write(16, on: disk)
        #expect(full.code != 0 && full.errorOutput.contains("No space left"))
        try disk.free()
        #expect(disk.freeBytes == size)
        #expect(try await Self.write(16, on: disk).code == 0)
    }

    @Test("A small disk that is read-only takes nothing, not even from root", arguments: [true, false])
    func readOnly(isOwnNamespace: Bool) async throws {
        guard let disk = try await Self.disk(isOwnNamespace ? .namespace : .possible) else { return }
        try await disk.makeReadOnly()
        let refused = try await Self.write(1, on: disk)
        #expect(refused.code != 0 && refused.errorOutput.contains("Read-only"))
        try await disk.makeWritable()
        #expect(try await Self.write(1, on: disk).code == 0)
    }

    @Test("A small disk goes away with its value")
    func goes() async throws {
        var disk = try await Self.disk(.possible)
        guard let path = disk?.path else { return }
        disk = nil
        let mounts = try String(contentsOfFile: "/proc/mounts", encoding: .utf8)
        #expect(!mounts.contains(path))
        #expect(!FileManager.default.fileExists(atPath: path))
    }

    /// Nil, and it is told, where there is none.
    private static func disk(_ kind: SmallDisk.Kind) async throws -> SmallDisk? {
        do {
            return try await SmallDisk(kind: kind)
        } catch let unavailable as SmallDisk.Unavailable {
            print("skipped: \(unavailable)")
            return nil
        }
    }

    /// Writes so many pages into a file there, as a program started with the launcher does.
    private static func write(_ pages: Int, on disk: SmallDisk) async throws -> CommandLineTool.Result {
        let command =
            disk.launcher + [
                "dd", "if=/dev/zero", "of=\(disk.path)/file", "bs=4096", "count=\(pages)",
            ]
        return try await CommandLineTool.result(of: command[0], Array(command.dropFirst()))
    }
}

@Suite struct DatabaseDamageTests {
    @Test("Each damage does to a database what it says, and nothing else")
    func damages() async throws {
        let directory = try ScratchDirectory()
        let path = directory.file("database")
        func bytes() throws -> Data { try Data(contentsOf: URL(fileURLWithPath: path)) }
        try await DatabaseDamage.execute(
            "CREATE TABLE t (n INTEGER, s TEXT); INSERT INTO t VALUES (1, 'one'), (2, 'two')", in: path)
        #expect(try await DatabaseDamage.rows(of: "SELECT n, s FROM t", in: path) == ["1|one", "2|two"])

        try await DatabaseDamage.version(77).happen(to: path)
        #expect(try await DatabaseDamage.rows(of: "PRAGMA user_version", in: path) == ["77"])
        #expect(try await DatabaseDamage.rows(of: "SELECT count(*) FROM t", in: path) == ["2"])

        let before = try bytes()
        try await DatabaseDamage.flipped(byte: 5000, bit: 3).happen(to: path)
        let flipped = try bytes()
        #expect(zip(before, flipped).enumerated().filter { $1.0 != $1.1 }.map(\.offset) == [5000])
        #expect(before[5000] ^ flipped[5000] == 8)
        try await DatabaseDamage.flipped(byte: 5000, bit: 3).happen(to: path)
        #expect(try bytes() == before)

        try await DatabaseDamage.truncated(to: 4097).happen(to: path)
        #expect(try bytes() == before.prefix(4097))
        try await DatabaseDamage.replaced(by: "no database\n").happen(to: path)
        #expect(try bytes() == Data("no database\n".utf8))
    }

    @Test("A flip behind the end of a file hits its last byte")
    func shortFile() async throws {
        let directory = try ScratchDirectory()
        let path = try directory.write("ab", to: "file")
        try await DatabaseDamage.flipped(byte: 1_000, bit: 0).happen(to: path)
        #expect(try String(contentsOfFile: path, encoding: .utf8) == "ac")
    }
}

@Suite struct HangingTests {
    @Test("A silent server takes connections and requests and answers nothing")
    func silentServer() async throws {
        let server = try SilentServer()
        let script = """
            import socket
            s = socket.create_connection(('127.0.0.1', \(server.port)))
            s.sendall(b'GET / HTTP/1.1\\r\\n\\r\\n')
            s.settimeout(0.3)
            try: print(s.recv(1))
            except TimeoutError: print('nothing')
            """
        #expect(try await CommandLineTool.run("python3", ["-c", script]) == "nothing\n")
        #expect(server.connectionCount == 1)
    }

    @Test("Whoever writes into a stuck pipe stands still when it is full")
    func stuckPipe() async throws {
        let pipe = try StuckPipe()
        let writer = try ChildProcess("sh", ["-c", "yes > \(pipe.path)"])
        try await eventually(within: .seconds(30), "the pipe is full") { pipe.waitingBytes == 65_536 }
        #expect(writer.exit == nil)
    }

    @Test("A series of memory tells by how much a process has grown")
    func memory() async throws {
        let script = """
            import sys, time
            print('small', flush=True); time.sleep(0.5)
            block = bytearray(64 << 20); block[::4096] = b'x' * len(block[::4096])
            print('large', flush=True); time.sleep(1000)
            """
        let process = try ChildProcess("python3", ["-c", script])
        try await eventually(within: .seconds(30), "it runs") { process.output.contains("small") }
        let series = MemorySeries(of: process.pid, every: .milliseconds(20))
        try await eventually(within: .seconds(30), "it has grown") { process.output.contains("large") }
        try await eventually(within: .seconds(30), "the growth is seen") {
            series.growth(after: .milliseconds(100)) > 60 << 20
        }
        #expect(series.growth(after: .milliseconds(100)) < 80 << 20)
        let samples = series.samples.count
        process.kill()
        #expect(MemorySeries.residentBytes(of: process.pid) == nil)
        #expect(samples > 5)
    }
}

@Suite struct StageDoorTests {
    @Test("A door lets in so many at a time, in the order of their tickets")
    func order() async throws {
        let log = Order()
        let together = Together(Array(1...20), through: StageDoor(capacity: 3)) { number in
            await log.begin(number)
            try await Task.sleep(for: .milliseconds(5))
            await log.end()
            return number * 2
        }
        for number in 1...20 { #expect(try await together.outcome(of: number) == number * 2) }
        #expect(await log.most == 3)
        // Whoever is let in at the same time begins in any order.
        #expect(await zip(log.begun, 1...20).allSatisfy { abs($0 - $1) <= 3 })
    }

    private actor Order {
        var begun: [Int] = []
        var inside = 0
        var most = 0

        func begin(_ number: Int) {
            begun.append(number)
            inside += 1
            most = max(most, inside)
        }

        func end() { inside -= 1 }
    }
}
