import EndToEndSupport
import Foundation
import Testing

@Suite("The manual")
struct ManualTests {
    private static let pages = ["pulld.8", "pulld.yaml.5"]

    /// As a person reads it, each page on lines that are never broken.
    private func text(_ page: String) async throws -> String {
        let process = try ChildProcess(
            "man", ["--warnings", "-l", Repository.path("config/man/\(page)")],
            environment: ChildProcess.bareEnvironment.merging(["MANWIDTH": "1000", "LC_ALL": "C.UTF-8"]) { $1 })
        let exit = try await process.exit(within: .seconds(60))
        #expect(exit.code == 0)
        #expect(process.errorOutput == "", "man has something to say of \(page)")
        // Bold and underlined letters are written twice, with a step back between.
        return process.output.replacing(#/.\x08/#, with: "")
    }

    @Test("man has nothing to say about the source of a page", arguments: pages)
    func clean(page: String) async throws {
        #expect(try await text(page).count > 2000)
    }

    @Test("pulld(8) has every verb")
    func verbs() async throws {
        let help = try await CommandLineTool.run(PulldProgram.path, ["--help"])
        let verbs = help.components(separatedBy: "SUBCOMMANDS:\n").last.map { list in
            list.matches(of: #/(?m)^  ([a-z]+)  /#).map { String($0.output.1) }
        }
        #expect(verbs?.count ?? 0 > 8)
        let page = try await text("pulld.8")
        for verb in verbs ?? [] { #expect(page.contains(try Regex("(?m)^ +\(verb)( |$)")), "\(verb)") }
    }

    @Test("pulld(8) has every exit code that the program's own help names")
    func exitCodes() async throws {
        let page = try await text("pulld.8")
        let part = try #require(
            page.components(separatedBy: "EXIT STATUS").last?.components(separatedBy: "EXAMPLES").first)
        let known = Set(part.matches(of: #/(?m)^ +([0-9]+) /#).map { String($0.output.1) })
        #expect(known == ["0", "64", "65", "69", "70", "73", "74", "75", "77", "78", "130"])
        for verb in ["check", "tail", "replay", "publish", "listen"] {
            // Wrapped wherever the terminal ends.
            let help = try await CommandLineTool.run(PulldProgram.path, ["help", verb])
                .split(whereSeparator: \.isWhitespace).joined(separator: " ")
            let codes = try #require(help.components(separatedBy: "Exit codes:").dropFirst().first, "\(verb)")
            let sentence = codes.components(separatedBy: "Example").first ?? codes
            let named = Set(sentence.matches(of: #/\b([0-9]{2,3})\b/#).map { String($0.output.1) })
            #expect(!named.isEmpty && named.isSubset(of: known), "\(verb): \(named)")
        }
    }

    @Test("pulld.yaml(5) has every key of the JSON Schema")
    func keys() async throws {
        let data = try Data(contentsOf: URL(fileURLWithPath: Repository.path("config/pulld.schema.json")))
        let page = try await text("pulld.yaml.5")
        let keys = Self.keys(of: try JSONSerialization.jsonObject(with: data))
        #expect(keys.count > 50)
        for key in keys { #expect(page.contains(try Regex("(?m)^ *[{ ]*\(key)(:| |$)")), "\(key)") }
    }

    private static func keys(of schema: Any) -> Set<String> {
        if let list = schema as? [Any] { return list.reduce(into: []) { $0.formUnion(keys(of: $1)) } }
        guard let map = schema as? [String: Any] else { return [] }
        var result: Set<String> = []
        for (name, value) in map {
            result.formUnion(keys(of: value));
            if name == "properties", let own = value as? [String: Any] { result.formUnion(own.keys) }
        }
        return result
    }
}
