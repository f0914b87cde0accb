import EndToEndSupport
import Foundation

/// A unit of `systemd/`, as text and as assignments.
struct UnitFile {
    static let repository = URL(fileURLWithPath: #filePath).resolvingSymlinksInPath()
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    /// The service, and the template that makes one of every configuration file.
    static let names = ["pulld.service", "pulld@.service"]

    let name: String
    let text: String
    /// Every assignment in order: a name may stand there several times.
    let assignments: [(name: String, value: String)]

    init(_ name: String) throws {
        self.name = name
        let path = Self.repository.appendingPathComponent("systemd/\(name)")
        text = try String(contentsOf: path, encoding: .utf8)
        assignments = text.split(separator: "\n").compactMap { line in
            guard !line.hasPrefix("#"), let sign = line.firstIndex(of: "=") else { return nil }
            return (String(line[..<sign]), String(line[line.index(after: sign)...]))
        }
    }

    func values(_ name: String) -> [String] {
        assignments.filter { $0.name == name }.map(\.value)
    }

    /// A copy that systemd-analyze can look at where pulld is not installed: a stand-in takes the binary's place.
    func copy(in directory: ScratchDirectory) throws -> String {
        try directory.write(text.replacingOccurrences(of: "=/usr/bin/pulld ", with: "=/bin/true "), to: name)
    }
}

/// `config/pulld.example.yaml` as text: what it names, not what it means.
struct ExampleFile {
    let lines: [Substring]

    init() throws {
        let path = UnitFile.repository.appendingPathComponent("config/pulld.example.yaml")
        lines = try String(contentsOf: path, encoding: .utf8).split(separator: "\n")
    }

    private var activeLines: [Substring] {
        lines.filter { !$0.drop(while: { $0 == " " }).hasPrefix("#") }
    }

    /// Absolute paths that the daemon writes to, in lines that are not comments.
    var writtenPaths: [String] {
        activeLines.flatMap { line in
            line.matches(of: #/(?:^|[\s{\["'])(\/(?:var|run)\/[^\s,}\]"'#]+)/#).map { String($0.output.1) }
        }
    }
}
