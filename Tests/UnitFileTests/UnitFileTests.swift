import EndToEndSupport
import Foundation
import Testing

@Suite struct UnitFileTests {
    @Test("systemd-analyze verify has nothing to say about the unit", arguments: UnitFile.names)
    func verify(name: String) async throws {
        let directory = try ScratchDirectory()
        let copy = try UnitFile(name).copy(in: directory)
        let result = try await CommandLineTool.result(
            of: "systemd-analyze", ["verify", "--man=no", "--no-pager", copy])
        #expect(result.code == 0)
        #expect(result.output + result.errorOutput == "")
    }

    @Test("systemd-analyze verify speaks up when the unit has a fault", arguments: UnitFile.names)
    func verifyFails(name: String) async throws {
        let directory = try ScratchDirectory()
        let copy = try UnitFile(name).copy(in: directory)
        let text = try String(contentsOfFile: copy, encoding: .utf8)
        try directory.write(text.replacingOccurrences(of: "UMask=", with: "UMusk="), to: name)
        let result = try await CommandLineTool.result(
            of: "systemd-analyze", ["verify", "--man=no", "--no-pager", copy])
        #expect((result.output + result.errorOutput).contains("UMusk"))
    }

    @Test("The unit's exposure is at most 1.3 of 10", arguments: UnitFile.names)
    func exposure(name: String) async throws {
        let directory = try ScratchDirectory()
        let copy = try UnitFile(name).copy(in: directory)
        let result = try await CommandLineTool.result(
            of: "systemd-analyze", ["security", "--offline=true", "--threshold=13", "--no-pager", copy])
        #expect(result.code == 0, "\(result.output)")
        let figure = try #require(result.output.firstMatch(of: #/exposure level for pulld(?:@i)?.service: ([0-9.]+)/#))
        #expect(try #require(Double(figure.output.1)) <= 1.3)
    }

    @Test("The unit waits for the proof of life and lets the daemon alone tell it", arguments: UnitFile.names)
    func readiness(name: String) throws {
        let unit = try UnitFile(name)
        #expect(unit.values("Type") == ["notify"])
        #expect(unit.values("NotifyAccess") == ["main"])
        let file = name == "pulld.service" ? "/etc/pulld/pulld.yaml" : "/etc/pulld/%i.yaml"
        #expect(unit.values("ExecStart") == ["/usr/bin/pulld run --config \(file)"])
    }

    @Test(
        "A reload checks the file first, since what fails then does not touch the daemon, and the file alone: a full disk must not keep an operator from leaving it",
        arguments: UnitFile.names)
    func reload(name: String) throws {
        let unit = try UnitFile(name)
        let file = name == "pulld.service" ? "/etc/pulld/pulld.yaml" : "/etc/pulld/%i.yaml"
        #expect(
            unit.values("ExecReload") == [
                "/usr/bin/pulld check --file-only --config \(file)", "/bin/kill -HUP $MAINPID",
            ])
        // RestartPreventExitStatus= does not hold for it: it would be tried again and again.
        #expect(unit.values("ExecStartPre").isEmpty)
    }

    @Test(
        "Errors that a restart cannot heal end the service, all others start it again, for ever",
        arguments: UnitFile.names)
    func restarts(name: String) throws {
        let unit = try UnitFile(name)
        #expect(unit.values("Restart") == ["on-failure"])
        #expect(unit.values("RestartPreventExitStatus") == ["64 65 73 74 77 78"])
        #expect(unit.values("StartLimitIntervalSec") == ["0"])
        #expect(Int(unit.values("RestartSec").first ?? "") ?? 0 >= 10)
        #expect(Int(unit.values("WatchdogSec").first ?? "") ?? 0 > 0)
    }

    @Test(
        "Memory that holds secrets never becomes a core file, and descriptors suffice for ten thousand portals",
        arguments: UnitFile.names)
    func limits(name: String) throws {
        let unit = try UnitFile(name)
        #expect(unit.values("LimitCORE") == ["0"])
        #expect(Int(unit.values("LimitNOFILE").first ?? "") ?? 0 >= 65536)
    }

    @Test("Every path that the example configuration writes to lies in a directory that the unit makes")
    func directories() throws {
        let unit = try UnitFile("pulld.service")
        let parents = ["StateDirectory": "/var/lib", "LogsDirectory": "/var/log", "RuntimeDirectory": "/run"]
        let made = parents.flatMap { name, parent in unit.values(name).map { "\(parent)/\($0)" } }
        #expect(made.count == 3)
        let written = try ExampleFile().writtenPaths
        #expect(!written.isEmpty)
        for path in written { #expect(made.contains { path == $0 || path.hasPrefix($0 + "/") }, "\(path)") }
    }

    @Test(
        "Files to begin with name no state directory: systemd tells it, and each instance has another",
        arguments: ["minimal.yaml", "webhook.yaml", "many-portals.yaml"])
    func state(name: String) throws {
        let text = try String(contentsOfFile: Repository.path("config/\(name)"), encoding: .utf8)
        #expect(text.split(separator: "\n").contains { $0.hasPrefix("sinks:") })
        #expect(!text.split(separator: "\n").contains { $0.hasPrefix("state:") })
    }

    @Test("Every secret in root's own directory is loaded, under the prefix that pulld looks for")
    func credentials() throws {
        #expect(try UnitFile("pulld.service").values("LoadCredential") == ["pulld:/etc/pulld/credentials"])
        #expect(try UnitFile("pulld@.service").values("LoadCredential") == ["pulld:/etc/pulld/%i.credentials"])
    }

    @Test("The template is the service but for names and places, which no two instances share")
    func template() throws {
        let service = try UnitFile("pulld.service")
        let template = try UnitFile("pulld@.service")
        let own: Set = [
            "Description", "ExecStart", "ExecReload", "LoadCredential", "StateDirectory", "LogsDirectory",
            "RuntimeDirectory",
        ]
        #expect(service.assignments.map(\.name) == template.assignments.map(\.name))
        for (left, right) in zip(service.assignments, template.assignments) {
            if own.contains(left.name) {
                #expect(right.value.contains("%i") || right.value == "/bin/kill -HUP $MAINPID")
            } else {
                #expect(left.value == right.value, "\(left.name)")
            }
        }
        // Below pulld.service's own they would go when that one stops.
        for name in ["StateDirectory", "LogsDirectory", "RuntimeDirectory"] {
            #expect(template.values(name) == ["pulld@%i"])
        }
    }
}
