import Admin
import History
import Testing

@Suite struct StatusScreenTests {
    private var report: StatusReport {
        var report = StatusReport(
            version: "0.1.0", pid: 41, startedAt: 1_795_000_000, now: 1_795_003_600, isReady: true,
            summary: "1 of 2 portals live; b: dns: no such host")
        var live = StatusReport.Portal(name: "acme")
        live.state = .live
        live.transport = .webSocket
        live.liveSince = 1_795_000_002
        live.lastContact = 1_795_003_598.8
        live.channels = [StatusReport.Portal.Channel(name: "private", end: 1_795_040_000)]
        var messages = StatusReport.Messages()
        messages.journaled = 90
        live.messages = messages
        var heartbeat = StatusReport.Heartbeat(interval: 300)
        heartbeat.lastReturn = 1_795_003_500
        heartbeat.roundTrip = 0.125
        live.heartbeat = heartbeat
        var waiting = StatusReport.Portal(name: "b")
        waiting.state = .waiting
        waiting.cause = "dns: no such\u{1B}[2J host"
        report.portals = [live, waiting]
        var blocked = StatusReport.Sink(name: "app")
        (blocked.delivered, blocked.pending, blocked.dead, blocked.filtered) = (50, 30, 1, 10)
        blocked.blockade = StatusReport.Sink.Blockade(
            since: 1_795_003_000, code: "unreachable", reason: "connect: refused", cure: "start it")
        var file = StatusReport.Sink(name: "log")
        file.delivered = 91
        report.sinks = [blocked, file]
        report.journal.records = 91
        report.journal.size = 4096
        report.journal.sizeLimit = 1 << 30
        report.process = StatusReport.Process(residentMemory: 17 << 20, cpuTime: 1, openDescriptors: 20)
        return report
    }

    @Test("One look tells whether all is well, and where it is not")
    func screen() {
        #expect(
            StatusScreen(report).text(isColoured: false) == """
                pulld 0.1.0  ready  1 of 2 portals live; b: dns: no such host
                pid 41, up 1h 0m, 17 MiB resident

                PORTAL  STATE    TRANSPORT  LAST CONTACT  EVENTS
                acme    live     websocket  1.2 s ago         90  for 59m, channels end in 10h 6m, heartbeat 125 ms, 100 s ago
                b       waiting             never                 dns: no such·[2J host

                SINK  DELIVERED  PENDING  DEAD  FILTERED
                app          50       30     1        10  blocked for 10m: unreachable: connect: refused (start it)
                log          91        0     0         0

                journal  91 events, 4 KiB of 1 GiB

                """)
    }

    @Test("Trouble of the journal is told with its cure")
    func trouble() {
        var report = report
        report.isReady = false
        report.journal.isPaused = true
        report.journal.dropped = 3
        report.journal.trouble = StatusReport.Journal.Trouble(code: "disk-full", message: "no room", cure: "make some")
        let text = StatusScreen(report).text(isColoured: false)
        #expect(text.hasPrefix("pulld 0.1.0  not ready  "))
        #expect(
            text.hasSuffix(
                "91 events, 4 KiB of 1 GiB, 3 dropped because it was full  intake waits for the disk\n"
                    + "         no room (make some)\n"))
    }
}
