import EndToEndSupport
import Foundation
import Testing

@Suite struct ChildProcessTests {
    @Test("A child's output, error output, exit code and environment are those that were asked for")
    func capture() async throws {
        let child = try ChildProcess(
            "sh", ["-c", "echo out $COLOUR; echo err >&2; exit 3"], environment: ["COLOUR": "green", "PATH": "/bin"])
        let exit = try await child.exit(within: .seconds(30))
        #expect(exit.code == 3)
        #expect(exit.signal == nil)
        #expect(child.output == "out green\n")
        #expect(child.errorOutput == "err\n")
    }

    @Test("A child that goes away takes its own children with it")
    func group() async throws {
        var child: ChildProcess? = try ChildProcess("sh", ["-c", "sleep 1000 & echo $!; wait"])
        try await eventually(within: .seconds(30), "the grandchild's id") { child?.output.isEmpty == false }
        let grandchild = try #require(pid_t(child?.output.dropLast() ?? ""))
        #expect(kill(grandchild, 0) == 0)
        child = nil
        try await eventually(within: .seconds(30), "the grandchild ends") {
            // A killed process stays a zombie until somebody inherits it.
            let state = try? String(contentsOfFile: "/proc/\(grandchild)/stat", encoding: .utf8)
            return state == nil || state?.contains(") Z ") == true
        }
    }

    @Test("A signal that ends a child is told")
    func signal() async throws {
        let child = try ChildProcess("sleep", ["1000"])
        let exit = try await child.terminate(within: .seconds(30))
        #expect(exit.signal == SIGTERM)
        #expect(exit.code == nil)
    }

    @Test("Figures of a running process are plausible")
    func figures() throws {
        let figures = try ProcessFigures(of: getpid())
        #expect(figures.residentBytes > 1_000_000)
        #expect(figures.proportionalBytes <= figures.residentBytes)
        #expect(figures.processorSeconds > 0)
        #expect(figures.threads >= 1)
        #expect(figures.openDescriptors >= 3)
    }

    @Test("A condition that does not come true fails with its sentence and limit")
    func notInTime() async {
        await #expect(throws: NotInTime.self) {
            try await eventually(within: .milliseconds(30), "the moon is green") { false }
        }
    }

    @Test("A secret in any output is found, and what is no secret is not")
    func leaks() async throws {
        let secret = "secret-\(UUID().uuidString)"
        OutputCollector.shared.remember(secret: secret)
        let clean = try ChildProcess("echo", ["nothing here"])
        _ = try await clean.exit(within: .seconds(30))
        func found(in path: String) -> Bool {
            OutputCollector.shared.search().contains { path.hasSuffix("/" + $0.file) }
        }
        #expect(!found(in: clean.outputPath))
        let leaking = try ChildProcess("sh", ["-c", "echo the key is \(secret)! >&2"])
        _ = try await leaking.exit(within: .seconds(30))
        #expect(found(in: leaking.errorPath))
        try FileManager.default.removeItem(atPath: leaking.errorPath)
    }

    @Test("A notify socket keeps every assignment, in order")
    func notify() async throws {
        let notify = try NotifySocket()
        let script = """
            import os, socket
            s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            s.connect(os.environ['NOTIFY_SOCKET'])
            s.send(b'STATUS=connecting'); s.send(b'READY=1\\nSTATUS=live')
            """
        let environment = ChildProcess.bareEnvironment.merging(["NOTIFY_SOCKET": notify.path]) { $1 }
        let child = try ChildProcess("python3", ["-c", script], environment: environment)
        #expect(try await child.exit(within: .seconds(20)).code == 0)
        try await eventually(within: .seconds(30), "both datagrams arrive") { notify.messages.count == 3 }
        #expect(notify.messages == ["STATUS=connecting", "READY=1", "STATUS=live"])
        #expect(notify.value(of: "STATUS") == "live")
    }
}

@Suite struct EventFileTests {
    static let good = #"{"seq":1,"params":{"n":"a"}}"# + "\n" + #"{"seq":2,"params":{"n":"b"}}"# + "\n"

    static func comparison(_ text: String, with ledger: [String] = ["a", "b"]) -> EventFile.Comparison {
        EventFile(data: Data(text.utf8)).compared(with: ledger)
    }

    @Test("A file with each event once, in order, has nothing against it")
    func complete() {
        let comparison = Self.comparison(Self.good)
        #expect(comparison.published == 2)
        #expect(comparison.lines == 2)
        #expect(comparison.outOfOrder == 0)
        #expect(comparison.isComplete)
    }

    @Test("Missing, duplicated, torn, foreign and misplaced lines are counted apart")
    func faults() {
        #expect(Self.comparison(Self.good, with: ["a", "b", "c"]).missing == 1)
        #expect(Self.comparison(Self.good + Self.good).duplicated == 2)
        #expect(Self.comparison(Self.good + "{\"seq\":3").torn == 1)
        #expect(Self.comparison(Self.good + "{\"seq\":3\n").torn == 1)
        #expect(Self.comparison(Self.good, with: ["a"]).foreign == 1)
        #expect(Self.comparison(Self.good, with: ["b", "a"]).outOfOrder == 1)
        #expect(Self.comparison(Self.good + #"{"seq":3,"gap":{}}"# + "\n").isComplete)
    }

    @Test("A gap record is told with its reason and its ends, and covers what lies between them")
    func gaps() throws {
        let text = #"{"seq":3,"portal":"acme","gap":{"reason":"retention","after":"10","before":"20"}}"# + "\n"
        let file = EventFile(data: Data((Self.good + text).utf8))
        let gap = try #require(file.gaps.first)
        #expect(file.gaps.count == 1)
        #expect(gap == EventFile.Gap(reason: "retention", after: "10", before: "20"))
        #expect(["10", "15", "20"].map(gap.covers) == [false, true, false])
        #expect(EventFile.Gap(reason: "", after: nil, before: "20").covers("05"))
        #expect(file.sequenceBreaks == 0)
        #expect(EventFile(data: Data((Self.good + Self.good).utf8)).sequenceBreaks == 1)
    }

    @Test("Rotated files are read oldest first, and a half line at the end of any of them is torn")
    func rotated() throws {
        let directory = try ScratchDirectory()
        func line(_ number: Int) -> String { #"{"seq":\#(number),"params":{"n":\#(number)}}"# + "\n" }
        try directory.write(line(1) + line(2), to: "events.2")
        try directory.write(line(3), to: "events.1")
        try directory.write(line(4) + line(5), to: "events")
        let whole = EventFile(rotated: directory.file("events"))
        #expect(whole.lines.compactMap(\.key) == ["1", "2", "3", "4", "5"])
        #expect(whole.sequenceBreaks == 0 && whole.torn == 0)
        try directory.write(line(3) + "{", to: "events.1")
        #expect(EventFile(rotated: directory.file("events")).torn == 1)
    }

    @Test("The time of receipt is read to the microsecond, and delays are counted from it")
    func delays() throws {
        let text = #"{"seq":1,"mid":"7","received_at":"2026-11-22T09:00:00.250000Z"}"# + "\n"
        let file = EventFile(data: Data(text.utf8))
        #expect(file.lines.first?.receivedAt == 1_795_338_000.25)
        let delays = file.delays(since: ["7": 1_795_338_000])
        #expect(delays.map(\.delay) == [0.25])
    }

    @Test("Percentiles are values that were measured")
    func percentiles() {
        let distribution = Distribution((1...200).map(Double.init).shuffled())
        #expect(distribution.percentile(50) == 100)
        #expect(distribution.percentile(99) == 198)
        #expect(distribution.most == 200)
        #expect(Distribution([Double]()).percentile(99) == 0)
    }

    @Test("A growing file is counted on from where it was, and from its beginning when it is another one")
    func growing() throws {
        let directory = try ScratchDirectory()
        let path = directory.file("events")
        let file = GrowingFile(path)
        #expect(file.lineCount == 0)
        try directory.write("1\n2\n3", to: "events")
        #expect(file.lineCount == 2)
        let handle = try #require(FileHandle(forWritingAtPath: path))
        try handle.seekToEnd()
        try handle.write(contentsOf: Data("\n4\n".utf8))
        #expect(file.lineCount == 4)
        try FileManager.default.moveItem(atPath: path, toPath: path + ".1")
        #expect(file.lineCount == 4)
        try directory.write("5\n", to: "events")
        #expect(file.lineCount == 5)
    }
}
