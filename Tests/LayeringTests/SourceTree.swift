import Foundation

/// The repository's own text, found from where this file was compiled.
struct SourceTree {
    struct File {
        /// Relative to the repository.
        var path: String
        var lines: [Substring]

        /// The folder below `Sources`, which is the module's name.
        var module: String { path.split(separator: "/").dropFirst().first.map(String.init) ?? "" }
    }

    static let root = URL(fileURLWithPath: #filePath).resolvingSymlinksInPath()
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    /// All files below these folders whose names end so, symbolic links not followed.
    static func files(below folders: [String], endings: [String] = ["swift"]) throws -> [File] {
        var files: [File] = []
        for folder in folders {
            let names = FileManager.default.enumerator(atPath: root.appendingPathComponent(folder).path)
            for case let name as String in names ?? .init() {
                guard endings.contains(where: { name.hasSuffix("." + $0) }) else { continue }
                let path = folder + "/" + name
                let text = try String(contentsOf: root.appendingPathComponent(path), encoding: .utf8)
                var lines = text.split(separator: "\n", omittingEmptySubsequences: false)
                if lines.last == "" { lines.removeLast() }
                files.append(File(path: path, lines: lines))
            }
        }
        return files.sorted { $0.path < $1.path }
    }
}
