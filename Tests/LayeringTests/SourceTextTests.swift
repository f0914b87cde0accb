import Foundation
import Testing

/// Words that do not stand in finished text, written in two halves so that this file may be searched as well.
private let unfinished = ["TO" + "DO", "FIX" + "ME"]
/// Ways to end the process because of a value that somebody else sent.
private let trapping = ["try" + "!", "as" + "!"]

private func places(_ words: [String], in files: [SourceTree.File]) -> [String] {
    files.flatMap { file in
        file.lines.enumerated().compactMap { index, line in
            words.first { line.contains($0) }.map { "\(file.path):\(index + 1): \($0)" }
        }
    }
}

@Suite struct SourceTextTests {
    static let everywhere = ["Sources", "Tests", "Benchmarks"]

    @Test("No file is longer than 400 lines")
    func length() throws {
        let files = try SourceTree.files(below: Self.everywhere, endings: ["swift", "c", "h"])
        #expect(files.filter { $0.lines.count > 400 }.map { "\($0.path): \($0.lines.count)" } == [])
    }

    @Test("Nothing is left for later in the text")
    func finished() throws {
        let files = try SourceTree.files(below: Self.everywhere, endings: ["swift", "c", "h"])
        #expect(places(unfinished, in: files) == [])
    }

    @Test("Nothing traps on a failed call or cast")
    func trapless() throws {
        #expect(places(trapping, in: try SourceTree.files(below: Self.everywhere)) == [])
    }

    @Test("Product modules never print: events and messages go through write(2) or the log")
    func silent() throws {
        let calls = try SourceTree.files(below: ["Sources"]).flatMap { file in
            file.lines.enumerated().compactMap { index, line -> String? in
                let call = line.contains(#/(^|[^\w.`])(?:print|debugPrint|dump|NSLog)\(/#)
                return call && !line.contains("func ") ? "\(file.path):\(index + 1)" : nil
            }
        }
        #expect(calls == [])
    }
}
