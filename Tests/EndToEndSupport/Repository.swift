import Foundation

/// The repository that this test was built from.
public enum Repository {
    private static let root = URL(fileURLWithPath: #filePath).resolvingSymlinksInPath()
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    public static func path(_ name: String) -> String { root.appendingPathComponent(name).path }

    /// The code of the only fenced block of `README.md` in this language that holds `mark`.
    public static func example(_ language: String, with mark: String) throws -> String {
        let text = try String(contentsOfFile: path("README.md"), encoding: .utf8)
        let blocks = text.components(separatedBy: "\n```\(language)\n").dropFirst()
            .compactMap { $0.components(separatedBy: "\n```").first }
            .filter { $0.contains(mark) }
        guard blocks.count == 1 else {
            throw CommandLineTool.Failure(
                description: "README.md has \(blocks.count) blocks of \(language) with \(mark); one is to be tested")
        }
        return blocks[0] + "\n"
    }
}
