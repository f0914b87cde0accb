import EndToEndSupport
import Foundation
import Settings
import Testing

@Suite("The JSON Schema of the file")
struct SchemaTests {
    /// What the decoder says.
    private func problems(of text: String) -> [SettingsProblem] {
        do throws(SettingsError) {
            _ = try Settings.parse(Array(text.utf8), file: "pulld.yaml")
            return []
        } catch {
            return error.problems
        }
    }

    static let examples = ["pulld.example.yaml", "minimal.yaml", "webhook.yaml", "many-portals.yaml"]

    @Test("Every example is right by the decoder and by the schema, and names the schema", arguments: examples)
    func example(name: String) async throws {
        let path = Repository.path("config/\(name)")
        _ = try Settings.load(path: path)
        let text = try String(contentsOfFile: path, encoding: .utf8)
        #expect(try await SchemaOpinion.of([text]).map(\.isValid) == [true])
        #expect(text.contains("yaml-language-server: $schema=/usr/share/pulld/pulld.schema.json\n"))
    }

    @Test("Every example in config/ is one of these, so that none goes untested")
    func allExamples() throws {
        let files = try FileManager.default.contentsOfDirectory(atPath: Repository.path("config"))
        let others: Set = ["prometheus-rules.yaml"]
        #expect(Set(files.filter { $0.hasSuffix(".yaml") }).subtracting(others) == Set(Self.examples))
    }

    @Test("A file with every key is right by both, and so is each right file of the other tests")
    func right() async throws {
        let texts = [WholeFile.text] + rightFiles
        for text in texts { #expect(problems(of: text) == [], "\(text)") }
        for (text, opinion) in zip(texts, try await SchemaOpinion.of(texts)) { #expect(opinion.isValid, "\(text)") }
    }

    @Test("Every map of the schema knows the keys that the decoder knows, and the whole file has each of them")
    func keys() async throws {
        let file = try WholeFile()
        let maps = file.places.filter { place in
            guard let map = file.value(at: place) as? [String: Any] else { return false }
            return map.count != 0 || place.last == .key("stdout")
        }
        let texts = try maps.map { try file.text(with: 1, at: $0 + [.key("no_such_key")]) }
        var seen: [String: Set<String>] = [:]
        var known: [String: Set<String>] = [:]
        for ((place, text), opinion) in zip(zip(maps, texts), try await SchemaOpinion.of(texts)) {
            let problem = problems(of: text).first { $0.message == "unknown key" }
            // Below these the names are the operator's own.
            if ["portals", "sinks", "headers"].contains(place.last?.description) { continue }
            let list = try #require(problem?.cure.firstMatch(of: #/allowed here: (.*)$/#)?.output.1, "\(place)")
            let keys = Set(list.split(separator: ", ").map(String.init))
            let path = place.map(\.description).joined(separator: ".")
            #expect(opinion.known[path] == keys, "\(path)")
            // Of several portals, sinks or secrets each has its own keys, and all together have all.
            let kind = place.map { step in
                switch step {
                case .index: "[]"
                case .key(let name): ["acme", "helpdesk", "app", "log", "terminal"].contains(name) ? "*" : name
                }
            }
            let name = keys == ["credential", "file", "env"] ? "secret" : kind.joined(separator: ".")
            known[name] = keys
            seen[name, default: []].formUnion((file.value(at: place) as? [String: Any])?.keys.map { $0 } ?? [])
        }
        #expect(seen.filter { !$0.value.isEmpty } == known.filter { !$0.value.isEmpty })
    }

    /// Problems that no schema can tell: they take two places of the file, or arithmetic.
    private static let beyondSchemas = [
        "is out of bounds", "is no portal of this file", "writes to the same place", "is there twice",
        "this key is there twice", "not an address", "nobody's webhook is at", "cannot be the name of",
        "not a port",
    ]

    @Test("Each faulty file of the other tests is refused by the schema, too, but for what a schema cannot tell")
    func faulty() async throws {
        let files = faultyFiles + faultyWebhooks
        var count = 0
        for (file, opinion) in zip(files, try await SchemaOpinion.of(files.map(\.text))) where opinion.isReadable {
            let canBeTold = problems(of: file.text).contains { problem in
                !Self.beyondSchemas.contains { problem.message.contains($0) } && !problem.message.hasPrefix("not YAML")
            }
            guard canBeTold else { continue }
            count += 1
            #expect(!opinion.isValid, "\(file.rule)")
        }
        #expect(count > 70)
    }

    /// Of every type, and near to what is right in one place or another.
    private static var values: [Any] {
        [
            NSNull(), true, 7, 1.5, 100_000, "", "off", "a b", "10m", "1 MiB", "/x", "*/*", "https://x.example",
            "[::1]:1",
            "http://u@[::1]", [], ["shared"], [:] as [String: Any], ["env": "X"],
        ]
    }

    @Test("With any other value in any place of the whole file, or none, the decoder and the schema agree")
    func spoiled() async throws {
        let file = try WholeFile()
        var texts: [String] = []
        for place in file.places where !place.isEmpty {
            texts.append(try file.text(with: nil, at: place))
            for value in Self.values { texts.append(try file.text(with: value, at: place)) }
        }
        var refused = 0
        for (text, opinion) in zip(texts, try await SchemaOpinion.of(texts)) {
            let problems = problems(of: text)
            if !problems.isEmpty { refused += 1 }
            let isBeyond = problems.allSatisfy { problem in
                Self.beyondSchemas.contains { problem.message.contains($0) }
            }
            if problems.isEmpty {
                #expect(opinion.isValid, "the schema refuses \(text)")
            } else if !isBeyond {
                #expect(!opinion.isValid, "the schema lets \(problems) through: \(text)")
            }
        }
        #expect(texts.count > 1500 && refused > 1200, "\(refused) of \(texts.count)")
    }
}

private let portal = "portals: { p: { url: 'https://p.example', webhook: { env: W } } }\n"

/// Ways to write the same things otherwise.
private let rightFiles = [
    "portals: {p: {url: 'https://P.example:8443/', webhook: {env: W}}}\nsinks: {s: {stdout: {}}}\n",
    """
    portals:
      p:
        url: http://localhost:8080
        webhook: { env: W }
        proxy: { file: /run/proxy }
        channels: [private]
        transport: long-polling
        refresh_margin: 90s
    sinks: { s: { stdout: {} } }
    """,
    """
    portals:
      p:
        url: https://p.example
        webhook: { env: W }
        start: retained
        audit: { interval: 1m, lag: 2m }
        request_limit: { burst: 250, per_second: 5 }
        json_rpc: true
        tls: &tls { ca_file: /ca.pem }
      q: { url: "https://q.example", webhook: { env: W }, audit: off, request_limit: off, json_rpc: False, tls: *tls }
    sinks:
      s: { file: { path: /s, rotate: { size: 100 MiB, age: 1d, keep: 3 } } }
      t: { file: { path: /t, rotate: { size: 64KiB } }, include: [], exclude: ["*"] }
    journal: { keep: 0s, size: 2 GiB }
    """,
    portal + "sinks: { s: { stdout: {} } }\nadmin: off\n",
    portal + "sinks: { s: { stdout: {} } }\nadmin: { listen: '[::1]:9187' }\n",
    portal + "sinks: { s: { stdout: {} } }\nadmin: { listen: /run/x.sock }\n",
    "portals: { p: { url: 'https://p.example', oauth: { client_id: a, client_secret: { env: S } }, heartbeat: off } }\n"
        + "sinks: { s: { stdout: {} } }\n",
    "portals: { p: { url: 'https://[2001:db8::1]:8443', oauth: { access_token: { env: T } } } }\nsinks: { s: { stdout: {} } }\n",
    portal + "sinks: { s: { webhook: { url: 'unix:/run/app.sock' } } }\n",
    portal + "sinks: { s: { webhook: { url: 'unix:/run/app.sock:/hook?x=1', secret: { file: /s } } } }\n",
    portal + "sinks: { s: { webhook: { url: 'https://a.example/x?y', allow_remote: true, ordered: false } } }\n",
    portal + "sinks: { s: { webhook: { url: 'http://[::1]:3000/x', headers: { X-Y: a b } } } }\n",
]
