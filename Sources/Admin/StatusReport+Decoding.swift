public import JSONText
import Timing

/// The report from its JSON object, as `pulld status` reads it. Members that it does not know are left alone, and those
/// that are missing count as nothing: the daemon may be of another version.
extension StatusReport {
    /// Nil for what is no such report at all.
    public init?(json: JSONValue) {
        guard let version = json["version"]?.string, let isReady = json["ready"]?.lenientBool,
            let now = json.moment("now")
        else { return nil }
        self.init(
            version: version, pid: Int32(clamping: json["pid"]?.lenientInt ?? 0),
            startedAt: json.moment("started_at") ?? now, now: now, isReady: isReady,
            summary: json["status"]?.string ?? "")
        portals = (json["portals"]?.array ?? []).map { Portal(json: $0, now: now) }
        sinks = (json["sinks"]?.array ?? []).map { Sink(json: $0, now: now) }
        if let journal = json["journal"] { self.journal = Journal(json: journal) }
        if let process = json["process"] {
            self.process = Process(
                residentMemory: process.count("resident_memory_bytes"), cpuTime: process.seconds("cpu_s") ?? 0,
                openDescriptors: process.count("open_descriptors"))
        }
    }
}

extension StatusReport.Portal {
    fileprivate init(json: JSONValue, now: Double) {
        self.init(name: json["name"]?.string ?? "")
        state = json["state"]?.string.flatMap(State.init) ?? .starting
        transport = json["transport"]?.string.flatMap(StatusReport.Transport.init)
        cause = json["cause"]?.string
        liveSince = json.moment("live_since")
        lastContact = json.moment("last_contact", age: "last_contact_age_s", now)
        channels = (json["channels"]?.array ?? []).compactMap { channel in
            guard let name = channel["channel"]?.string, let end = channel.moment("end") else { return nil }
            return Channel(name: name, end: end)
        }
        reconnects = json.count("reconnects")
        connectionFailures = json.count("connection_failures")
        configurationRequests = json.count("configuration_requests")
        configurationFailures = json.count("configuration_failures")
        audits = json.count("audits")
        auditRecovered = json.count("audit_recovered")
        if let counts = json["messages"] {
            var messages = StatusReport.Messages()
            messages.received = counts.count("received")
            messages.journaled = counts.count("journaled")
            messages.duplicates = counts.count("duplicates")
            messages.serviceCommands = counts.count("service")
            messages.malformed = counts.count("malformed")
            messages.gaps = counts.count("gaps")
            self.messages = messages
        }
        if let beat = json["heartbeat"] {
            var heartbeat = StatusReport.Heartbeat(interval: beat.seconds("interval_s") ?? 0)
            heartbeat.sent = beat.count("sent")
            heartbeat.returned = beat.count("returned")
            heartbeat.lost = beat.count("lost")
            heartbeat.firstSent = beat.moment("first_sent", age: "first_sent_age_s", now)
            heartbeat.lastReturn = beat.moment("last_return", age: "last_return_age_s", now)
            heartbeat.roundTrip = beat.seconds("round_trip_s")
            self.heartbeat = heartbeat
        }
    }
}

extension StatusReport.Sink {
    fileprivate init(json: JSONValue, now: Double) {
        self.init(name: json["name"]?.string ?? "")
        journaled = json.count("journaled")
        delivered = json.count("delivered")
        filtered = json.count("filtered")
        dead = json.count("dead")
        pending = json.count("pending")
        deadLetters = json.count("dead_letters")
        overflowedLetters = json.count("dead_letters_overflowed")
        blockades = json.count("blockades")
        oldestPending = json.moment("oldest_pending", age: "oldest_pending_age_s", now)
        if let blocked = json["blocked"] {
            blockade = Blockade(
                since: blocked.moment("since", age: "age_s", now) ?? now, code: blocked["code"]?.string ?? "",
                reason: blocked["reason"]?.string ?? "", cure: blocked["cure"]?.string ?? "")
        }
    }
}

extension StatusReport.Journal {
    fileprivate init(json: JSONValue) {
        self.init()
        records = json.count("records")
        size = json.count("size_bytes")
        sizeLimit = json.count("size_limit_bytes")
        held = json.count("held_bytes")
        isPaused = json["paused"]?.lenientBool ?? false
        pauses = json.count("pauses")
        transactions = json.count("transactions")
        dropped = json.count("dropped")
        faults = json.count("count_faults")
        if let told = json["trouble"] {
            trouble = Trouble(
                code: told["code"]?.string ?? "", message: told["message"]?.string ?? "",
                cure: told["cure"]?.string ?? "")
        }
    }
}

extension JSONValue {
    fileprivate func count(_ name: String) -> UInt64 {
        guard case .number(let text) = self[name] else { return 0 }
        return UInt64(text) ?? 0
    }

    fileprivate func seconds(_ name: String) -> Double? {
        guard case .number(let text) = self[name] else { return nil }
        return Double(text)
    }

    fileprivate func moment(_ name: String) -> Double? { self[name]?.string.flatMap(MomentText.seconds) }

    /// As exact as the age is.
    fileprivate func moment(_ name: String, age: String, _ now: Double) -> Double? {
        seconds(age).map { now - $0 } ?? moment(name)
    }
}
