import Foundation
import Testing

/// Words that do not stand in finished text, written in two halves so that this file may be searched as well.
private let unfinished = ["TO" + "DO", "FIX" + "ME"]
/// Ways to end the process because of a value that somebody else sent.
private let trapping = ["try" + "!", "as" + "!"]

/// What writes to standard output, or to somewhere, unasked.
private let printing = ["print", "debugPrint", "dump", "NSLog"]

/// Not a longer name that ends so, not a method, not a declaration.
private func isCall(of word: String, in line: String) -> Bool {
    guard let hit = line.range(of: word + "(") else { return false }
    let before = line[..<hit.lowerBound]
    guard let last = before.last else { return true }
    return !last.isLetter && !last.isNumber && !"_.`".contains(last) && !before.hasSuffix("func ")
}

private func places(_ words: [String], in files: [SourceTree.File]) -> [String] {
    files.flatMap { file in
        words.flatMap { word in file.lines(with: word).map { "\(file.path):\($0.number): \(word)" } }
    }
}

@Suite struct SourceTextTests {
    static let everywhere = ["Sources", "Tests", "Benchmarks"]

    @Test("No file is longer than 400 lines")
    func length() throws {
        let files = try SourceTree.files(below: Self.everywhere, endings: ["swift", "c", "h"])
        #expect(files.filter { $0.lineCount > 400 }.map { "\($0.path): \($0.lineCount)" } == [])
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
            printing.flatMap { word in
                file.lines(with: word + "(").filter { isCall(of: word, in: $0.text) }.map {
                    "\(file.path):\($0.number)"
                }
            }
        }
        #expect(calls == [])
    }
}
