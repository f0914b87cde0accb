public import JSONText
import Timing

/// The report as a JSON object. Moments are RFC 3339 in whole seconds, UTC, and absent where there is none; an age beside
/// one is in seconds, by the daemon's clock.
///
/// ```json
/// {"version":"0.1.0","pid":41,"now":"2026-11-22T09:00:00Z","started_at":"…","ready":true,"status":"1 of 1 portals live",
///  "portals":[{"name":"acme","state":"live","transport":"websocket","live_since":"…","last_contact":"…",
///    "last_contact_age_s":1.2,"channels":[{"channel":"private","end":"…"}],"reconnects":0,…,
///    "messages":{"received":9,"journaled":8,"duplicates":1,"service":0,"malformed":0,"gaps":0},"heartbeat":{…}}],
///  "sinks":[{"name":"log","journaled":8,"delivered":8,"filtered":0,"dead":0,"pending":0,…,"blocked":{"code":…}}],
///  "journal":{"records":8,"size_bytes":…,…},"process":{"resident_memory_bytes":…,…}}
/// ```
extension StatusReport {
    public var json: JSONValue {
        var members: [(key: String, value: JSONValue)] = [
            ("version", .string(version)), ("pid", .number("\(pid)")), ("now", .moment(now)),
            ("started_at", .moment(startedAt)), ("ready", .bool(isReady)), ("status", .string(summary)),
            ("portals", .array(portals.map { $0.json(now: now) })),
            ("sinks", .array(sinks.map { $0.json(now: now) })),
            ("journal", journal.json),
        ]
        if let process { members.append(("process", process.json)) }
        return .object(members)
    }
}

extension StatusReport.Portal {
    fileprivate func json(now: Double) -> JSONValue {
        var members: [(key: String, value: JSONValue)] = [
            ("name", .string(name)), ("state", .string(state.rawValue)),
        ]
        if let transport { members.append(("transport", .string(transport.rawValue))) }
        if let cause { members.append(("cause", .string(cause))) }
        if let liveSince { members.append(("live_since", .moment(liveSince))) }
        if let lastContact {
            members += [("last_contact", .moment(lastContact)), ("last_contact_age_s", .age(of: lastContact, now))]
        }
        members += [
            (
                "channels",
                .array(
                    channels.map { .object([("channel", .string($0.name)), ("end", .moment($0.end))]) })
            ),
            ("reconnects", .count(reconnects)), ("connection_failures", .count(connectionFailures)),
            ("configuration_requests", .count(configurationRequests)),
            ("configuration_failures", .count(configurationFailures)),
            ("audits", .count(audits)), ("audit_recovered", .count(auditRecovered)),
        ]
        if let messages {
            let counts: [(key: String, value: JSONValue)] = [
                ("received", .count(messages.received)), ("journaled", .count(messages.journaled)),
                ("duplicates", .count(messages.duplicates)), ("service", .count(messages.serviceCommands)),
                ("malformed", .count(messages.malformed)), ("gaps", .count(messages.gaps)),
            ]
            members.append(("messages", .object(counts)))
        }
        if let heartbeat { members.append(("heartbeat", heartbeat.json(now: now))) }
        return .object(members)
    }
}

extension StatusReport.Heartbeat {
    fileprivate func json(now: Double) -> JSONValue {
        var members: [(key: String, value: JSONValue)] = [
            ("interval_s", .seconds(interval)), ("sent", .count(sent)), ("returned", .count(returned)),
            ("lost", .count(lost)),
        ]
        if let firstSent {
            members += [("first_sent", .moment(firstSent)), ("first_sent_age_s", .age(of: firstSent, now))]
        }
        if let lastReturn {
            members += [("last_return", .moment(lastReturn)), ("last_return_age_s", .age(of: lastReturn, now))]
        }
        if let roundTrip { members.append(("round_trip_s", .seconds(roundTrip))) }
        return .object(members)
    }
}

extension StatusReport.Sink {
    fileprivate func json(now: Double) -> JSONValue {
        var members: [(key: String, value: JSONValue)] = [
            ("name", .string(name)), ("journaled", .count(journaled)), ("delivered", .count(delivered)),
            ("filtered", .count(filtered)), ("dead", .count(dead)), ("pending", .count(pending)),
            ("dead_letters", .count(deadLetters)), ("dead_letters_overflowed", .count(overflowedLetters)),
            ("blockades", .count(blockades)),
        ]
        if let oldestPending {
            members += [
                ("oldest_pending", .moment(oldestPending)), ("oldest_pending_age_s", .age(of: oldestPending, now)),
            ]
        }
        if let blockade {
            let blocked: [(key: String, value: JSONValue)] = [
                ("since", .moment(blockade.since)), ("age_s", .age(of: blockade.since, now)),
                ("code", .string(blockade.code)), ("reason", .string(blockade.reason)),
                ("cure", .string(blockade.cure)),
            ]
            members.append(("blocked", .object(blocked)))
        }
        return .object(members)
    }
}

extension StatusReport.Journal {
    fileprivate var json: JSONValue {
        var members: [(key: String, value: JSONValue)] = [
            ("records", .count(records)), ("size_bytes", .count(size)), ("size_limit_bytes", .count(sizeLimit)),
            ("held_bytes", .count(held)), ("paused", .bool(isPaused)), ("pauses", .count(pauses)),
            ("transactions", .count(transactions)), ("dropped", .count(dropped)), ("count_faults", .count(faults)),
        ]
        if let trouble {
            let told: [(key: String, value: JSONValue)] = [
                ("code", .string(trouble.code)), ("message", .string(trouble.message)), ("cure", .string(trouble.cure)),
            ]
            members.append(("trouble", .object(told)))
        }
        return .object(members)
    }
}

extension StatusReport.Process {
    fileprivate var json: JSONValue {
        .object([
            ("resident_memory_bytes", .count(residentMemory)), ("cpu_s", .seconds(cpuTime)),
            ("open_descriptors", .count(openDescriptors)),
        ])
    }
}

extension JSONValue {
    fileprivate static func count(_ count: UInt64) -> JSONValue { .number("\(count)") }

    /// To the millisecond.
    fileprivate static func seconds(_ seconds: Double) -> JSONValue {
        guard seconds.isFinite else { return .null }
        return .number("\((seconds * 1000).rounded() / 1000)")
    }

    /// A clock that was set back makes no negative ages.
    fileprivate static func age(of moment: Double, _ now: Double) -> JSONValue { .seconds(max(0, now - moment)) }

    fileprivate static func moment(_ seconds: Double) -> JSONValue { .string(MomentText.text(seconds)) }
}
