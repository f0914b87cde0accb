import EndToEndSupport
import Foundation
import Testing

@Suite struct ChildProcessTests {
    @Test("A child's output, error output, exit code and environment are those that were asked for")
    func capture() async throws {
        let child = try ChildProcess(
            "sh", ["-c", "echo out $COLOUR; echo err >&2; exit 3"], environment: ["COLOUR": "green", "PATH": "/bin"])
        let exit = try await child.exit(within: .seconds(10))
        #expect(exit.code == 3)
        #expect(exit.signal == nil)
        #expect(child.output == "out green\n")
        #expect(child.errorOutput == "err\n")
    }

    @Test("A child that goes away takes its own children with it")
    func group() async throws {
        var child: ChildProcess? = try ChildProcess("sh", ["-c", "sleep 1000 & echo $!; wait"])
        try await eventually(within: .seconds(5), "the grandchild's id") { child?.output.isEmpty == false }
        let grandchild = try #require(pid_t(child?.output.dropLast() ?? ""))
        #expect(kill(grandchild, 0) == 0)
        child = nil
        try await eventually(within: .seconds(5), "the grandchild ends") {
            // A killed process stays a zombie until somebody inherits it.
            let state = try? String(contentsOfFile: "/proc/\(grandchild)/stat", encoding: .utf8)
            return state == nil || state?.contains(") Z ") == true
        }
    }

    @Test("A signal that ends a child is told")
    func signal() async throws {
        let child = try ChildProcess("sleep", ["1000"])
        let exit = try await child.terminate(within: .seconds(5))
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
        _ = try await clean.exit(within: .seconds(5))
        func found(in path: String) -> Bool {
            OutputCollector.shared.search().contains { path.hasSuffix("/" + $0.file) }
        }
        #expect(!found(in: clean.outputPath))
        let leaking = try ChildProcess("sh", ["-c", "echo the key is \(secret)! >&2"])
        _ = try await leaking.exit(within: .seconds(5))
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
        try await eventually(within: .seconds(5), "both datagrams arrive") { notify.messages.count == 3 }
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
}
