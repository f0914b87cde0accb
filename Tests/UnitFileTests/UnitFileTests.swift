import EndToEndSupport
import Foundation
import Testing

@Suite struct UnitFileTests {
    @Test("systemd-analyze verify has nothing to say about the unit")
    func verify() async throws {
        let directory = try ScratchDirectory()
        let copy = try UnitFile().copy(in: directory)
        let result = try await CommandLineTool.result(of: "systemd-analyze", ["verify", "--no-pager", copy])
        #expect(result.code == 0)
        #expect(result.output + result.errorOutput == "")
    }

    @Test("systemd-analyze verify speaks up when the unit has a fault")
    func verifyFails() async throws {
        let directory = try ScratchDirectory()
        let copy = try UnitFile().copy(in: directory)
        let text = try String(contentsOfFile: copy, encoding: .utf8)
        try directory.write(text.replacingOccurrences(of: "UMask=", with: "UMusk="), to: "pulld.service")
        let result = try await CommandLineTool.result(of: "systemd-analyze", ["verify", "--no-pager", copy])
        #expect((result.output + result.errorOutput).contains("UMusk"))
    }

    @Test("The unit's exposure is at most 1.5 of 10")
    func exposure() async throws {
        let directory = try ScratchDirectory()
        let copy = try UnitFile().copy(in: directory)
        let result = try await CommandLineTool.result(
            of: "systemd-analyze", ["security", "--offline=true", "--threshold=15", "--no-pager", copy])
        #expect(result.code == 0, "\(result.output)")
        let figure = try #require(result.output.firstMatch(of: #/exposure level for pulld.service: ([0-9.]+)/#))
        #expect(try #require(Double(figure.output.1)) <= 1.5)
    }

    @Test("The unit waits for the proof of life and lets the daemon alone tell it")
    func readiness() throws {
        let unit = try UnitFile()
        #expect(unit.values("Type") == ["notify"])
        #expect(unit.values("NotifyAccess") == ["main"])
        #expect(unit.values("ExecStart") == ["/usr/bin/pulld run --config /etc/pulld/pulld.yaml"])
    }

    @Test("Errors that a restart cannot heal end the service, all others start it again")
    func restarts() throws {
        let unit = try UnitFile()
        #expect(unit.values("Restart") == ["on-failure"])
        #expect(unit.values("RestartPreventExitStatus") == ["64 65 73 74 77 78"])
    }

    @Test("Memory that holds secrets never becomes a core file, and descriptors suffice for ten thousand portals")
    func limits() throws {
        let unit = try UnitFile()
        #expect(unit.values("LimitCORE") == ["0"])
        #expect(Int(unit.values("LimitNOFILE").first ?? "") ?? 0 >= 65536)
    }

    @Test("Every path that the example configuration writes to lies in a directory that the unit makes")
    func directories() throws {
        let unit = try UnitFile()
        let parents = ["StateDirectory": "/var/lib", "LogsDirectory": "/var/log", "RuntimeDirectory": "/run"]
        let made = parents.flatMap { name, parent in unit.values(name).map { "\(parent)/\($0)" } }
        #expect(made.count == 3)
        let written = try ExampleFile().writtenPaths
        #expect(!written.isEmpty)
        for path in written { #expect(made.contains { path == $0 || path.hasPrefix($0 + "/") }, "\(path)") }
    }

    @Test("The unit loads each credential that the example configuration names, and no other, from root's own files")
    func credentials() throws {
        let example = try ExampleFile()
        let pairs = try UnitFile().values("LoadCredential").map {
            $0.split(separator: ":", maxSplits: 1).map(String.init)
        }
        let loaded = Set(pairs.compactMap(\.first))
        #expect(example.credentials(withComments: false).isSubset(of: loaded))
        #expect(loaded.isSubset(of: example.credentials(withComments: true)))
        for pair in pairs { #expect(pair.last == "/etc/pulld/credentials/\(pair.first ?? "")") }
    }
}
