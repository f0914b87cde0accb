import Testing

@testable import Checks

private func finding(_ stage: CheckStage, _ outcome: Finding.Outcome, _ subject: CheckSubject = .whole) -> Finding {
    Finding(subject: subject, stage: stage, outcome: outcome, detail: "what was found")
}

@Suite struct ReportTests {
    @Test(
        "The first failure decides the exit code; warnings and what was skipped do not count",
        arguments: [
            ([.ok, .warning, .skipped], 0),
            ([.ok, .failed(.unavailable), .failed(.configuration)], 69),
            ([.warning, .failed(.configuration), .failed(.unavailable)], 78),
            ([.failed(.noPermission)], 77),
            ([.failed(.cannotCreate)], 73),
            ([.failed(.inputOutput)], 74),
            ([.failed(.temporary)], 75),
            ([], 0),
        ] as [([Finding.Outcome], Int32)])
    func exitCode(outcomes: [Finding.Outcome], code: Int32) {
        #expect(CheckReport(file: "f", findings: outcomes.map { finding(.dns, $0) }).exitCode == code)
    }

    @Test("The summary counts what there is")
    func summary() {
        let good = CheckReport(file: "f", findings: [finding(.file, .ok), finding(.tls, .warning)])
        #expect(good.summary == "in order: 1 ok, 1 warning")
        let bad = CheckReport(
            file: "f", findings: [finding(.file, .ok), finding(.dns, .failed(.unavailable)), finding(.tcp, .skipped)])
        #expect(bad.summary == "not in order: 1 ok, 1 failed, 1 skipped")
    }

    @Test("JSON has one object with all stages, each with its portal or sink")
    func json() {
        var first = finding(.dns, .ok, .portal("acme"))
        first.duration = .microseconds(12_345)
        var second = finding(.target, .failed(.unavailable), .sink("app"))
        second.cure = "start it"
        let text = String(decoding: CheckReport(file: "a.yaml", findings: [first, second]).json, as: UTF8.self)
        #expect(
            text == #"{"file":"a.yaml","exit_code":69,"stages":[{"name":"dns","portal":"acme","outcome":"ok","#
                + #""milliseconds":12.345,"detail":"what was found"},{"name":"target","sink":"app","outcome":"failed","#
                + #""detail":"what was found","cure":"start it"}]}"# + "\n")
    }

    @Test("Lines are aligned over all subjects, and a cure stands below what was found")
    func lines() {
        let view = CheckView(subjects: [.whole, .portal("acme"), .sink("log")], isColoured: false)
        var first = finding(.file, .ok)
        first.duration = .milliseconds(2)
        var second = finding(.tcp, .failed(.unavailable), .portal("acme"))
        second.cure = "start it"
        second.duration = .milliseconds(12_345)
        #expect(view.text(first) == "ok       file                       2 ms  what was found\n")
        #expect(
            view.text(second) == "failed   acme: tcp                12.3 s  what was found\n"
                + "                                          → start it\n")
    }

    @Test("What a server says cannot move the cursor, and without a terminal there are no colours")
    func plain() {
        var bad = finding(.rest, .failed(.unavailable))
        bad.detail = "a\u{1B}[2Jb\nc\u{9B}d"
        let view = CheckView(subjects: [.whole], isColoured: false)
        #expect(view.text(bad).hasSuffix("a [2Jb c d\n"))
        #expect(CheckView(subjects: [.whole], isColoured: true).text(bad).contains("\u{1B}[1;31mfailed"))
    }
}

@Suite struct SubjectFindingsTests {
    private func skipped(after stage: CheckStage) -> [CheckStage: String] {
        var log = SubjectFindings(subject: .portal("acme"))
        for passed in CheckStage.ofPortal(isProxied: false).prefix(while: { $0 != stage }) { log.add(.ok(passed, "")) }
        log.add(.failed(stage, .unavailable, "", cure: "c"))
        log.skipRest(of: CheckStage.ofPortal(isProxied: false))
        #expect(log.all.map(\.stage) == CheckStage.ofPortal(isProxied: false))
        #expect(log.all.allSatisfy { $0.subject == .portal("acme") })
        let skipped = log.all.filter { $0.outcome == .skipped }
        return Dictionary(uniqueKeysWithValues: skipped.map { ($0.stage, $0.detail) })
    }

    @Test(
        "What makes no sense without a failed stage is skipped and names it",
        arguments: [CheckStage.dns, .tcp, .tls, .rest, .token, .scope, .configuration, .pushServer])
    func chain(stage: CheckStage) {
        let all = CheckStage.ofPortal(isProxied: false)
        let after = all[((all.firstIndex(of: stage) ?? 0) + 1)...]
        #expect(skipped(after: stage) == Dictionary(uniqueKeysWithValues: after.map { ($0, "needs \(stage.title)") }))
    }

    @Test("Without a secret the way is looked at all the same, and a bad clock stops nothing")
    func loose() {
        var log = SubjectFindings(subject: .portal("acme"))
        log.add(.failed(.secrets, .configuration, "", cure: "c"))
        #expect(log.allows(.dns) && log.allows(.tcp) && log.allows(.tls))
        #expect(!log.allows(.rest) && !log.allows(.event))
        var other = SubjectFindings(subject: .portal("acme"))
        other.add(.failed(.clock, .unavailable, "", cure: "c"))
        #expect(other.allows(.webSocket) && other.allows(.event))
    }

    @Test("An event needs one of the two ways")
    func oneWay() {
        var log = SubjectFindings(subject: .portal("acme"))
        log.add(.failed(.webSocket, .unavailable, "", cure: "c"))
        #expect(log.allows(.event))
        log.add(.failed(.longPoll, .unavailable, "", cure: "c"))
        #expect(!log.allows(.event))
    }
}
