import Glibc
import Logging
import Synchronization
import Testing

@testable import Daemon

/// The lines that a log handler writes to a pipe.
private func lines(_ format: LogOutput.Format, _ work: (Logger) -> Void) -> [String] {
    var ends: [Int32] = [0, 0]
    guard pipe(&ends) == 0 else { return [] }
    defer { close(ends[0]) }
    let descriptor = ends[1]
    work(
        Logger(label: "test") { _ in
            LogOutput(format: format, threshold: LogThreshold(.info), descriptor: descriptor) { 1_795_338_000 }
        }
    )
    close(descriptor)
    var text: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 4096)
    while case let count = read(ends[0], &buffer, buffer.count), count > 0 { text += buffer[..<count] }
    return String(decoding: text, as: UTF8.self).split(separator: "\n").map(String.init)
}

@Suite struct LogOutputTests {
    private func say(_ logger: Logger) {
        logger.warning(
            "no configuration from the portal",
            metadata: ["portal": "acme", "cause": "dns: no such name", "tries": "3"])
    }

    @Test("As text: time, level, portal, sentence, then metadata in the order of their names")
    func text() {
        #expect(
            lines(.text, say) == [
                """
                2026-11-22T09:00:00Z warning acme: no configuration from the portal cause="dns: no such name" tries=3
                """
            ])
    }

    @Test("For the journal: a priority instead of time and level")
    func journald() {
        #expect(
            lines(.journald, say) == [
                #"<4>acme: no configuration from the portal cause="dns: no such name" tries=3"#
            ])
    }

    @Test("As JSON: one object a line")
    func json() {
        #expect(
            lines(.json, say) == [
                #"{"time":"2026-11-22T09:00:00Z","level":"warning","message":"no configuration from the portal","#
                    + #""cause":"dns: no such name","portal":"acme","tries":"3"}"#
            ])
    }

    @Test("Nothing that is logged can begin a line of its own or a terminal's command", arguments: ["text", "json"])
    func injection(name: String) {
        let format: LogOutput.Format = name == "text" ? .text : .json
        let written = lines(format) { logger in
            logger.info("m", metadata: ["evil": "a\n2026 error forged\u{1B}[31m\r\"x\" \\ é"])
        }
        #expect(written.count == 1)
        #expect(written.allSatisfy { !$0.contains("\u{1B}") && !$0.contains("\r") && $0.contains("é") })
    }

    @Test("What lies below the level is not written")
    func level() {
        #expect(lines(.text) { $0.debug("quiet") }.isEmpty)
    }
}
