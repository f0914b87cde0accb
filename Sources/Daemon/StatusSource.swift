import Admin
import Delivery
import Events
import Journal
import PullProtocol
import Subscription
import Timing
import Transport

/// Collects from the running parts what the admin endpoint tells. Waits for none of them, except where the question is
/// whether they answer.
struct StatusSource: Sendable {
    let startedAt: Double
    let processID: Int32
    let readiness: Readiness
    let portals: RunningPortals
    let sinks: RunningSinks
    let journal: Journal
    let transport: Transport
    let time: TimeSource

    // MARK: answers

    func answer(_ path: String) async -> AdminAnswer {
        switch path {
        case "/healthz":
            await probe()
            return .text(200, "ok")
        case "/readyz":
            let (isReady, sentence) = readiness.snapshot
            return .text(isReady ? 200 : 503, sentence)
        case "/status": return .json(200, report().json)
        case "/metrics": return .metrics(report().metrics)
        case "/": return .text(200, "pulld \(Product.version): /healthz /readyz /status /metrics")
        default: return .text(404, "there are /healthz, /readyz, /status and /metrics")
        }
    }

    /// Returns when the event loop and the journal's writer have answered. Whoever asks has a limit of his own.
    private func probe() async {
        await withCheckedContinuation { continuation in transport.probeLoop { continuation.resume() } }
        await withCheckedContinuation { continuation in journal.probeWriter { continuation.resume() } }
    }

    // MARK: the report

    func report() -> StatusReport {
        let now = time.now()
        let (isReady, sentence) = readiness.snapshot
        let figures = journal.figures
        var report = StatusReport(
            version: Product.version, pid: processID, startedAt: startedAt, now: now.wall, isReady: isReady,
            summary: sentence)
        report.portals = portals.all.map { portal in
            StatusReport.Portal(
                name: portal.settings.name, portal.session.figures, figures.portals[portal.settings.name])
        }
        report.sinks = sinks.all.map { StatusReport.Sink(name: $0.name, $0.counts, figures.sinks[$0.name]) }
        report.journal = StatusReport.Journal(figures)
        report.process = .current()
        return report
    }
}

extension StatusReport.Portal {
    fileprivate init(name: String, _ figures: SessionFigures, _ counts: IntakeCounts?) {
        self.init(name: name)
        switch figures.status {
        case .starting: state = .starting
        case .live(let transport):
            state = .live
            self.transport = transport == .webSocket ? .webSocket : .longPolling
        case .waiting(let why):
            state = .waiting
            cause = why
        case .stopped: state = .stopped
        }
        liveSince = figures.liveSince
        lastContact = figures.lastContact
        channels = figures.channels.map { Channel(name: $0.channel.word, end: $0.end) }
        reconnects = figures.reconnects
        connectionFailures = figures.connectionFailures
        configurationRequests = figures.configurationRequests
        configurationFailures = figures.configurationFailures
        audits = figures.audits
        auditRecovered = figures.auditRecovered
        messages = counts.map { counts in
            var messages = StatusReport.Messages()
            messages.received = counts.received
            messages.journaled = counts.journaled
            messages.duplicates = counts.repeated
            messages.serviceCommands = counts.serviceCommands
            messages.malformed = counts.malformedPieces
            messages.gaps = counts.gaps
            return messages
        }
        heartbeat = figures.heartbeat.map { figures in
            var heartbeat = StatusReport.Heartbeat(interval: figures.interval.inSeconds)
            heartbeat.sent = figures.sent
            heartbeat.returned = figures.returned
            heartbeat.lost = figures.lost
            heartbeat.firstSent = figures.firstSent
            heartbeat.lastReturn = figures.lastReturn
            heartbeat.roundTrip = figures.roundTrip?.inSeconds
            return heartbeat
        }
    }
}

extension ChannelKind {
    fileprivate var word: String {
        switch self {
        case .private: "private"
        case .shared: "shared"
        case .unknown: "unknown"
        }
    }
}

extension StatusReport.Sink {
    /// - Parameter figures: as on disk; nil: the journal has never heard of it.
    fileprivate init(name: String, _ counts: SinkCounts, _ figures: JournalFigures.Sink?) {
        self.init(name: name)
        if let figures {
            journaled = figures.journaled
            delivered = figures.cursor.delivered
            filtered = figures.cursor.filtered
            dead = figures.cursor.dead
            pending = figures.pending
            deadLetters = figures.deadLetters
            overflowedLetters = figures.overflowedLetters
        }
        if let error = counts.blockedBy, let since = counts.blockedSince {
            blockade = Blockade(since: since, code: error.code.rawValue, reason: error.message, cure: error.cure)
        }
        blockades = counts.blockades
        oldestPending = pending > 0 ? counts.oldestPending : nil
    }
}

extension StatusReport.Journal {
    fileprivate init(_ figures: JournalFigures) {
        self.init()
        let counts = figures.counts
        records = counts.committedSequence
        size = counts.fileBytes
        sizeLimit = figures.sizeLimit
        held = counts.heldBytes
        isPaused = figures.isPaused
        pauses = counts.pauses
        transactions = counts.commits
        dropped = counts.dropped
        faults = counts.faults
        trouble = counts.trouble.map { Trouble(code: $0.code.rawValue, message: $0.message, cure: $0.cure) }
    }
}
