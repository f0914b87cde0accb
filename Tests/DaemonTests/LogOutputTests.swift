import Glibc
import Logging
import Synchronization
import Testing
import Timing

@testable import Daemon

/// The lines that a log handler writes to a pipe.
private func lines(
    _ format: LogOutput.Format, level: Logger.Level = .info, _ work: (Logger) -> Void
) -> [String] {
    var ends: [Int32] = [0, 0]
    guard pipe(&ends) == 0 else { return [] }
    defer { close(ends[0]) }
    let descriptor = ends[1]
    work(
        Logger(label: "test") { _ in
            LogOutput(
                format: format, threshold: LogThreshold(level), descriptor: descriptor,
                time: TimeSource { Moment(monotonic: .zero, wall: 1_795_338_000) })
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

@Suite struct RepeatedLineTests {
    @Test("A message that comes five hundred times is twenty lines, and one that says how many more there were")
    func flood() {
        let clock = Mutex(Duration.zero)
        var ends: [Int32] = [0, 0]
        guard pipe(&ends) == 0 else { return }
        let output = LogOutput(
            format: .text, threshold: LogThreshold(.info), descriptor: ends[1],
            time: TimeSource { clock.withLock { Moment(monotonic: $0, wall: 1_795_338_000) } })
        let logger = Logger(label: "test") { _ in output }
        for number in 0..<500 {
            logger.warning("a heartbeat is lost", metadata: ["portal": "acme", "number": "\(number)"])
        }
        clock.withLock { $0 = .seconds(60) }
        logger.warning("not connected", metadata: ["portal": "acme"])
        close(ends[1])
        var text: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        while case let count = read(ends[0], &buffer, buffer.count), count > 0 { text += buffer[..<count] }
        close(ends[0])
        let lines = String(decoding: text, as: UTF8.self).split(separator: "\n")
        #expect(lines.count == 22)
        #expect(
            lines.dropLast().last == "2026-11-22T09:00:00Z warning acme: repeated of=\"a heartbeat is lost\" times=480")
    }

    @Test(
        "Nothing is held back below a warning, nor what is of no portal and no sink",
        arguments: [(Logger.Level.debug, "portal"), (.info, "portal"), (.notice, "sink"), (.error, "setting")])
    func whole(level: Logger.Level, key: String) {
        let all = lines(.text, level: .debug) { logger in
            for _ in 0..<100 { logger.log(level: level, "connecting", metadata: [key: "acme"]) }
        }
        #expect(all.count == 100)
    }
}
