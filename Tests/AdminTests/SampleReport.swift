import Admin

extension StatusReport {
    /// With something in every member.
    static var sample: StatusReport {
        var report = StatusReport(
            version: "0.1.0", pid: 41, startedAt: 1_795_000_000, now: 1_795_003_600, isReady: true,
            summary: "1 of 2 portals live; \"b\": dns: no such host")
        var live = Portal(name: "acme")
        live.state = .live
        live.transport = .webSocket
        live.liveSince = 1_795_000_002
        live.lastContact = 1_795_003_598.75
        live.channels = [
            Portal.Channel(name: "private", end: 1_795_040_000), Portal.Channel(name: "shared", end: 1_795_041_000),
        ]
        live.reconnects = 2
        live.connectionFailures = 3
        live.configurationRequests = 4
        live.configurationFailures = 1
        live.audits = 12
        live.auditRecovered = 1
        var messages = Messages()
        messages.received = 100
        messages.journaled = 90
        messages.duplicates = 8
        messages.serviceCommands = 2
        messages.malformed = 1
        messages.gaps = 1
        live.messages = messages
        var heartbeat = Heartbeat(interval: 300)
        heartbeat.sent = 12
        heartbeat.returned = 11
        heartbeat.lost = 1
        heartbeat.firstSent = 1_795_000_030.25
        heartbeat.lastReturn = 1_795_003_500.5
        heartbeat.roundTrip = 0.125
        live.heartbeat = heartbeat
        var waiting = Portal(name: "b")
        waiting.state = .waiting
        waiting.cause = "dns: no such host"
        report.portals = [live, waiting]
        var blocked = Sink(name: "app")
        blocked.journaled = 91
        blocked.delivered = 50
        blocked.filtered = 10
        blocked.dead = 1
        blocked.pending = 30
        blocked.deadLetters = 1
        blocked.overflowedLetters = 2
        blocked.blockade = Sink.Blockade(
            since: 1_795_003_000, code: "unreachable", reason: "connect: refused", cure: "start it")
        blocked.blockades = 1
        blocked.oldestPending = 1_795_003_001.25
        var file = Sink(name: "log")
        file.journaled = 91
        file.delivered = 91
        report.sinks = [blocked, file]
        report.journal.records = 91
        report.journal.size = 4096
        report.journal.sizeLimit = 1 << 30
        report.journal.held = 512
        report.journal.isPaused = true
        report.journal.pauses = 5
        report.journal.transactions = 40
        report.journal.dropped = 6
        report.journal.faults = 7
        report.journal.trouble = Journal.Trouble(code: "disk-full", message: "no room", cure: "make some")
        report.process = Process(residentMemory: 18_000_000, cpuTime: 1.25, openDescriptors: 20)
        return report
    }
}
