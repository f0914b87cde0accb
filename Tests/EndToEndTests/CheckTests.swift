import EndToEndSupport
import Foundation
import Testing

extension CheckCase {
    static let all = local + ways + pushes
}

private enum Checks {
    static let all = Together(CheckCase.all, through: StageDoor(capacity: 8)) { try await $0.run() }
}

extension EndToEnd {
    @Suite struct CheckTests {
        @Test(
            "A broken set-up: the right stage, what was found, what to do, and the exit code", arguments: CheckCase.all)
        func broken(set: CheckCase) async throws {
            let run = try await Checks.all.outcome(of: set)
            let wanted = set.expectation
            let first = try #require(run.first, "nothing found: \(run.stages)\n\(run.errorOutput)")
            #expect(first.name == wanted.stage, "\(first)")
            #expect(first.subject == wanted.subject, "\(first)")
            #expect(first.outcome == wanted.outcome, "\(first)")
            #expect(first.detail.contains(wanted.detail), "\(first)")
            #expect(first.cure.contains(wanted.cure), "\(first)")
            #expect(run.exit == wanted.exit, "\(run.stages)")
            // Everything that is wrong says what to do.
            #expect(run.stages.allSatisfy { $0.outcome == "ok" || $0.outcome == "skipped" || !$0.cure.isEmpty })
            if let skipped = wanted.skipped {
                let because = run.stages.filter { $0.subject == "acme" && $0.detail.hasPrefix("needs ") }
                #expect(because.count == skipped, "\(run.stages)")
            }
            figure("D2 \(set.name): \(first), exit \(run.exit ?? -1)")
        }

        @Test("The number of set-ups")
        func count() {
            #expect(CheckCase.all.count == Set(CheckCase.all.map(\.name)).count)
            let stages = Set(CheckCase.all.map(\.expectation.stage))
            figure("D2: \(CheckCase.all.count) broken set-ups, \(stages.count) stages: \(stages.sorted())")
        }
    }
}
