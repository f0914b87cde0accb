import EndToEndSupport
import Foundation
import Testing

@Suite struct DaemonLivesTests {
    /// A stand-in for the daemon: it appends a line to the event file and writes one line of log.
    private static func recipe(_ script: String = "exec sleep 1000") -> DaemonRecipe {
        var recipe = DaemonRecipe(configuration: "path: $DIRECTORY/events.ndjson")
        let start = """
            file=${3%/pulld.yaml}/events.ndjson
            echo '{"seq":1}' >> "$file"
            echo '{"level":"info","message":"hello","state":"'"$STATE_DIRECTORY"'"}' >&2
            """
        recipe.launcher = ["sh", "-c", start + "\n" + script]
        return recipe
    }

    @Test("Every life has the same directory, and the logs of all are one")
    func lives() async throws {
        let lives = try DaemonLives(Self.recipe())
        for life in 1...3 {
            try lives.begin()
            try await eventually(within: .seconds(30), "life \(life) writes") { lives.log.count == life }
            try lives.kill()
        }
        #expect(lives.exits.map(\.signal) == [SIGKILL, SIGKILL, SIGKILL])
        #expect(EventFile(contentsOf: lives.eventFile).lines.count == 3)
        #expect(Set(lives.log.compactMap { $0.fields["state"] }) == [lives.directory.file("state")])
        let configuration = try String(contentsOfFile: lives.directory.file("pulld.yaml"), encoding: .utf8)
        #expect(configuration == "path: \(lives.directory.path)/events.ndjson")
    }

    @Test("Repeated deaths are all by SIGKILL, at moments that the seed tells")
    func deaths() async throws {
        let lives = try DaemonLives(Self.recipe())
        var random: any RandomNumberGenerator = SystemRandomNumberGenerator()
        try await lives.dieRepeatedly(5, longest: .milliseconds(200), random: &random)
        #expect(lives.exits.map(\.signal) == Array(repeating: SIGKILL, count: 5))
        #expect(throws: CommandLineTool.Failure.self) { try lives.current() }
    }

    @Test("A life that ends by itself is no death by the test, and is told with what it said")
    func ended() async throws {
        let lives = try DaemonLives(Self.recipe("exit 74"))
        try lives.begin()
        #expect(try await lives.ended(within: .seconds(5)).code == 74)
        #expect(lives.exits.map(\.code) == [74])
    }

    @Test("A life with a shifted clock sees another day, and the same monotonic time")
    func clock() async throws {
        let script = "import time; print(int(time.time()), int(time.clock_gettime(time.CLOCK_MONOTONIC)))"
        let environment = ChildProcess.bareEnvironment.merging(
            try await ShiftedClock.environment(shift: -90_000)
        ) { $1 }
        let child = try ChildProcess("python3", ["-c", script], environment: environment)
        #expect(try await child.exit(within: .seconds(20)).code == 0)
        let numbers = child.output.split(whereSeparator: \.isWhitespace).compactMap { Int($0) }
        var monotonic = timespec()
        clock_gettime(CLOCK_MONOTONIC, &monotonic)
        #expect(numbers.count == 2)
        #expect(abs((numbers.first ?? 0) + 90_000 - Int(Date().timeIntervalSince1970)) <= 5)
        #expect(abs((numbers.last ?? 0) - monotonic.tv_sec) <= 5)
    }
}
