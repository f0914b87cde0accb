import EndToEndSupport
import Foundation
import Testing

extension CheckCase {
    static let all = local + ways + pushes
}

private enum BrokenSetups {
    static let all = Together(CheckCase.all, through: StageDoor(capacity: 8)) { try await $0.run() }
}

extension EndToEnd {
    @Suite struct CheckTests {
        @Test(
            "A broken set-up: the right stage, what was found, what to do, and the exit code", arguments: CheckCase.all)
        func broken(set: CheckCase) async throws {
            let run = try await BrokenSetups.all.outcome(of: set)
            let wanted = set.expectation
            let first = try #require(run.first, "nothing found: \(run.stages)\n\(run.errorOutput)")
            #expect(first.name == wanted.stage, "\(run.stages)")
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

        @Test("Every stage is found at fault by one of the set-ups")
        func coverage() {
            let stages = Set(CheckCase.all.map(\.expectation.stage))
            #expect(Set(CheckCase.all.map(\.name)).count == CheckCase.all.count)
            #expect(
                stages.isSuperset(of: [
                    "file", "secrets", "state", "dns", "tcp", "proxy", "tls", "rest", "token", "scope", "config",
                    "channels", "clock", "push-server", "websocket", "long-poll", "event", "target",
                ]))
            figure("D2: \(CheckCase.all.count) broken set-ups at \(stages.count) stages")
        }

        @Test("All problems of a file are listed, each at its line and column")
        func manyProblems() async throws {
            let text = "log: { level: loud }\nsinks:\n  app: { stdou: {} }\nstat: x\nportals:\n  acme: { url: 1 }\n"
            let run = try await CheckRun.of(configuration: text, in: try ScratchDirectory())
            let places = run.stages.map { stage in
                stage.detail.split(separator: "pulld.yaml:").last.map { $0.prefix { $0 != " " } } ?? ""
            }
            #expect(places == ["1:15:", "3:3:", "3:10:", "4:1:", "6:3:", "6:16:"])
            #expect(run.stages.allSatisfy { $0.outcome == "failed" && !$0.cure.isEmpty })
            #expect(run.exit == 78)
        }
    }
}
