import Foundation
import Testing

/// Which module may import which. Every arrow of the house stands here; the package's manifest draws the same ones,
/// but a manifest does not stop a file from importing what a dependency happens to bring along.
private let allowedImports: [String: Set<String>] = [
    // C libraries, and small shared things.
    "CCurl": [],
    "CMalloc": [],
    "COpenSSL": [],
    "CSQLite": [],
    "Secrets": ["COpenSSL"],
    "Addresses": [],
    "Timing": [],
    "JSONText": [],
    "Events": [],

    // Pure rules: bytes in, values out.
    "PullProtocol": ["Addresses", "Secrets", "JSONText", "Events"],
    "WebSocket": ["COpenSSL"],

    // Sockets and the portal.
    "Transport": ["CCurl", "WebSocket", "Addresses", "Secrets"],
    "Portal": ["Transport", "PullProtocol", "Addresses", "Secrets", "JSONText", "Timing"],

    // One way through the house. Subscription does not know that sinks exist, Delivery does not know that sockets exist.
    "Journal": ["CSQLite", "Events", "Timing"],
    "Subscription": [
        "Portal", "Transport", "WebSocket", "PullProtocol", "Journal", "Events", "JSONText", "Secrets", "Timing",
        "Logging",
    ],
    "Delivery": ["Journal", "Transport", "Events", "JSONText", "Secrets", "Timing", "Logging"],
    "Admin": ["Addresses", "JSONText", "Timing"],
    "Settings": ["Addresses", "Secrets", "Yams"],

    "Daemon": [
        "Admin", "CMalloc", "Settings", "Subscription", "Delivery", "Journal", "Portal", "Transport", "PullProtocol",
        "Addresses", "Events", "Secrets", "Timing", "Logging", "UnixSignals",
    ],
    "History": ["Admin", "Journal", "Delivery", "PullProtocol", "Events", "JSONText", "Timing"],
    "Checks": [
        "Daemon", "Settings", "History", "Delivery", "Journal", "Portal", "Transport", "WebSocket", "PullProtocol",
        "Addresses", "Events", "JSONText", "Secrets", "Timing",
    ],
    "Sandbox": ["PullProtocol", "Events", "JSONText", "Secrets", "FlyingFox", "FlyingSocks", "Foundation"],
    "Demo": ["Daemon", "Sandbox", "Settings", "History", "Delivery", "Events", "JSONText", "Secrets", "Logging"],
    "pulld": [
        "Admin", "Daemon", "Checks", "Demo", "Sandbox", "Settings", "History", "Journal", "Delivery", "Portal",
        "Transport", "Addresses", "JSONText", "Secrets", "Timing", "ArgumentParser", "Logging",
    ],
]

/// Part of the toolchain. Not `Foundation`: it costs every process megabytes of resident memory.
private let allowedEverywhere: Set<String> = ["Swift", "Glibc", "Dispatch", "Synchronization", "FoundationEssentials"]

private struct Arrow: Hashable, CustomStringConvertible {
    var module: String
    var imported: String
    var place: String

    var description: String { "\(place): \(module) must not import \(imported)" }
}

/// The module that a line imports, whatever stands before and behind: attributes, access, kinds of declaration.
private func importedModule(_ line: Substring) -> String? {
    let attributes = #/(?:@\w+(?:\([^)]*\))?\s+)*/#
    let access = #/(?:(?:public|package|internal|fileprivate|private)\s+)?/#
    let kind = #/(?:(?:struct|class|enum|protocol|func|var|let|typealias)\s+)?/#
    let text = line.drop { $0 == " " }
    guard let start = text.prefixMatch(of: attributes)?.range.upperBound,
        let rest = text[start...].prefixMatch(of: access)?.range.upperBound,
        let word = text[rest...].prefixMatch(of: #/import\s+/#)?.range.upperBound,
        let name = text[word...].prefixMatch(of: kind)?.range.upperBound
    else { return nil }
    return text[name...].prefixMatch(of: #/\w+/#).map { String($0.output) }
}

/// What `files` import beside what the table allows.
private func forbiddenArrows(in files: [SourceTree.File]) -> [Arrow] {
    var arrows: [Arrow] = []
    for file in files {
        let allowed = allowedImports[file.module] ?? []
        for (number, line) in file.lines(with: "import ") {
            guard let imported = importedModule(line[...]) else { continue }
            if allowed.contains(imported) || allowedEverywhere.contains(imported) { continue }
            arrows.append(Arrow(module: file.module, imported: imported, place: "\(file.path):\(number)"))
        }
    }
    return arrows
}

@Suite struct ImportTests {
    @Test("No module imports what the table of modules does not allow")
    func arrows() throws {
        let files = try SourceTree.files(below: ["Sources"])
        #expect(!files.isEmpty)
        #expect(forbiddenArrows(in: files) == [])
    }

    @Test("Every folder of Sources stands in the table, and nothing else does")
    func folders() throws {
        let sources = SourceTree.root.appendingPathComponent("Sources").path
        let folders = try FileManager.default.contentsOfDirectory(atPath: sources)
        #expect(Set(folders.filter { !$0.hasPrefix(".") }) == Set(allowedImports.keys))
    }

    @Test("The table has no way round: following the arrows never leads back")
    func acyclic() {
        func reachable(from module: String, seen: Set<String> = []) -> Set<String> {
            (allowedImports[module] ?? []).subtracting(seen).reduce(seen) { seen, next in
                seen.contains(next) ? seen : reachable(from: next, seen: seen.union([next]))
            }
        }
        for module in allowedImports.keys { #expect(!reachable(from: module).contains(module)) }
    }

    @Test(
        "An import is recognised in every way of writing it",
        arguments: [
            "import Journal", "public import Journal", "@preconcurrency import Journal", "    import Journal",
            "internal import struct Journal.Cursor", "@_spi(Tests) @testable import Journal // why",
        ])
    func recognised(line: String) {
        #expect(importedModule(line[...]) == "Journal")
    }

    @Test("What is no import is not taken for one", arguments: ["// import Journal", "important()", "let import = 1"])
    func notRecognised(line: String) {
        #expect(importedModule(line[...]) == nil)
    }

    @Test("An arrow that goes up is found, with file and line")
    func upwards() {
        let file = SourceTree.File(
            path: "Sources/Journal/Sinks.swift", bytes: Data("import Events\nimport Delivery\n".utf8))
        let arrow = Arrow(module: "Journal", imported: "Delivery", place: "Sources/Journal/Sinks.swift:2")
        #expect(forbiddenArrows(in: [file]) == [arrow])
    }
}
