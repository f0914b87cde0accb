import Secrets
import Settings
import Testing

@testable import Daemon

/// The name and everything else that makes a part.
private struct Plan: PartPlan {
    let name: String
    let content: String

    /// `a1` is the part `a` in its make `1`.
    init(_ text: Substring) {
        name = String(text.prefix(1))
        content = String(text.dropFirst())
    }

    static func list(_ text: String) -> [Plan] { text.split(separator: " ").map(Plan.init) }
}

@Suite struct PartChangesTests {
    @Test(
        "What is wanted otherwise begins anew, what is new begins, what is gone ends, and nothing else is touched",
        arguments: [
            ("", "", "", "", ""),
            ("", "a1 b1", "", "", "ab"),
            ("a1 b1", "a1 b1", "", "", ""),
            // The order of the file makes no difference.
            ("a1 b1", "b1 a1", "", "", ""),
            ("a1 b1", "a2 b1", "", "a", ""),
            ("a1 b1", "b1", "a", "", ""),
            ("a1 b1", "a1 b1 c1", "", "", "c"),
            ("a1 b1 c1", "", "abc", "", ""),
            // Everything at the same time.
            ("a1 b1 c1", "d1 c2 b1", "a", "c", "d"),
            // Another name is another part.
            ("a1", "b1", "a", "", "b"),
            // Two that change places in everything but their names.
            ("a1 b2", "a2 b1", "", "ab", ""),
        ])
    func table(running: String, wanted: String, removed: String, changed: String, added: String) {
        let changes = PartChanges(from: Plan.list(running), to: Plan.list(wanted))
        #expect(changes.removed == Set(removed.map(String.init)))
        #expect(changes.changed == Set(changed.map(String.init)))
        #expect(changes.added == Set(added.map(String.init)))
        #expect(changes.ending == changes.removed.union(changes.changed))
        #expect(changes.beginning == changes.added.union(changes.changed))
        #expect(changes.isEmpty == (running.split(separator: " ").sorted() == wanted.split(separator: " ").sorted()))
    }

    @Test("What holds until the process ends is named when the new file has it otherwise")
    func fixed() {
        let old = Settings(state: "/s", portals: [], sinks: [])
        var new = old
        new.log.level = .debug
        #expect(old.fixed(unlike: new, variable: { _ in nil }).isEmpty)
        new.journal.size += 1
        new.log.format = .text
        new.state = nil
        #expect(old.fixed(unlike: new, variable: { _ in nil }) == ["state", "journal", "log.format"])
        // The same directory, named in another place.
        new = old
        new.state = nil
        #expect(old.fixed(unlike: new, variable: { $0 == "STATE_DIRECTORY" ? "/s" : nil }).isEmpty)
    }
}
