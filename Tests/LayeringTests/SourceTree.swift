import Foundation

/// The repository's own text, found from where this file was compiled.
struct SourceTree {
    struct File {
        /// Relative to the repository.
        var path: String
        var bytes: Data

        /// The folder below `Sources`, which is the module's name.
        var module: String { path.split(separator: "/").dropFirst().first.map(String.init) ?? "" }

        /// The lines that hold a word, numbered from 1. The search is over bytes: tests are built for debugging, where
        /// a walk over every character of every file takes many seconds.
        func lines(with word: String) -> [(number: Int, text: String)] {
            var found: [(number: Int, text: String)] = []
            var number = 1
            var lineStart = bytes.startIndex
            var place = bytes.startIndex
            while let hit = bytes.range(of: Data(word.utf8), in: place..<bytes.endIndex) {
                while let feed = bytes.range(of: Self.lineFeed, in: lineStart..<hit.lowerBound) {
                    number += 1
                    lineStart = feed.upperBound
                }
                let end = bytes.range(of: Self.lineFeed, in: hit.upperBound..<bytes.endIndex)?.lowerBound
                place = end ?? bytes.endIndex
                found.append((number, String(decoding: bytes[lineStart..<place], as: UTF8.self)))
            }
            return found
        }

        var lineCount: Int {
            var count = 0
            var place = bytes.startIndex
            while let feed = bytes.range(of: Self.lineFeed, in: place..<bytes.endIndex) {
                count += 1
                place = feed.upperBound
            }
            return count
        }

        private static let lineFeed = Data("\n".utf8)
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
                let bytes = try Data(contentsOf: root.appendingPathComponent(path))
                files.append(File(path: path, bytes: bytes))
            }
        }
        return files.sorted { $0.path < $1.path }
    }
}
