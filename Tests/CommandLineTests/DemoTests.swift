import EndToEndSupport
import Foundation
import Testing

@Suite struct DemoTests {
    @Test("The demonstration shows every event, loses and doubles none, and is plain when it is piped")
    func demo() async throws {
        let demo = try PulldProgram.start(["demo", "--events", "24", "--rate", "10"])
        let exit = try await demo.exit(within: .seconds(60))
        let lines = demo.output.split(separator: "\n")

        #expect(exit.code == 0, "\(demo.errorOutput)")
        #expect(lines.last == "published 24  received 24  lost 0  duplicated 0")
        #expect(lines.count { $0.contains("  event   ") } == 24)
        #expect(lines.count { $0.hasSuffix("  recovered") } == 3)
        #expect(lines.contains { $0.contains("is on the new channels") })
        #expect(lines.contains { $0.hasSuffix("channels, each past its cache (CACHE=N).") })
        #expect(!demo.output.contains("\u{1B}"))
        #expect(demo.errorOutput.isEmpty)
        // Tokens and channel ids are 32 hex digits or more; nothing else here is.
        #expect(demo.output.firstMatch(of: #/[0-9a-fA-F]{16}/#) == nil)
    }

    @Test("The same seed tells the same events, another one others")
    func seed() async throws {
        async let first = events(seed: "7")
        async let again = events(seed: "7")
        async let other = events(seed: "8")
        let (one, same, different) = try await (first, again, other)
        #expect(one == same)
        #expect(one != different)
        #expect(one.count == 20)
    }

    @Test("A terminal gets colours, unless NO_COLOR, --no-color or a dumb one forbid it", arguments: Screen.all)
    func colours(screen: Screen) async throws {
        // script(1) gives the program a terminal of its own.
        let command = ([PulldProgram.path, "demo", "--events", "20", "--rate", "100"] + screen.arguments)
            .joined(separator: " ")
        let demo = try ChildProcess(
            "script", ["-qec", command, "/dev/null"],
            environment: ChildProcess.bareEnvironment.merging(screen.environment) { $1 })
        let exit = try await demo.exit(within: .seconds(60))
        #expect(exit.code == 0)
        #expect(demo.output.contains("lost 0"))
        #expect(demo.output.contains("\u{1B}[") == screen.isColoured)
    }

    struct Screen: Sendable, CustomTestStringConvertible {
        var environment: [String: String]
        var arguments: [String] = []
        var isColoured: Bool

        var testDescription: String { "\(environment) \(arguments)" }

        static let all = [
            Screen(environment: ["TERM": "xterm"], isColoured: true),
            Screen(environment: ["TERM": "xterm", "NO_COLOR": "1"], isColoured: false),
            Screen(environment: ["TERM": "dumb"], isColoured: false),
            Screen(environment: ["TERM": "xterm"], arguments: ["--no-color"], isColoured: false),
        ]
    }

    /// Number, name and params of each event, in order of the numbers.
    private func events(seed: String) async throws -> [Substring] {
        let demo = try PulldProgram.start(["demo", "--events", "20", "--rate", "100", "--seed", seed])
        _ = try await demo.exit(within: .seconds(60))
        let pattern = #/  event   (\S+ +#\d+.*?)(?: +(?:waited|recovered))?$/#.anchorsMatchLineEndings()
        return demo.output.matches(of: pattern).map(\.output.1).sorted()
    }
}
