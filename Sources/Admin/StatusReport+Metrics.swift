/// The report as metrics. Labels are the operator's own names and fixed words: `portal`, `sink`, `transport`, `channel`.
///
/// Moments are exported as such, not as ages: an age would stand still together with whatever computes it
/// (prometheus.io/docs/practices/instrumentation). `time() - pulld_portal_last_contact_timestamp_seconds` is the age.
extension StatusReport {
    public var metrics: String {
        var text = MetricsText()
        text.add(
            .gauge, "pulld_build_info", "The running version, as a label; always 1.",
            [([("version", version)], .count(1))])
        text.add(
            .gauge, "pulld_ready",
            "1 once every portal has been proven or has stated its failure, and while at least one is live.",
            .truth(isReady))
        addPortals(to: &text)
        addHeartbeats(to: &text)
        addSinks(to: &text)
        addJournal(to: &text)
        addProcess(to: &text)
        return text.text
    }

    // MARK: portals

    private func addPortals(to text: inout MetricsText) {
        func add(
            _ kind: MetricsText.Kind, _ name: String, _ help: String, _ value: (Portal) -> MetricsText.Value
        ) {
            text.add(kind, "pulld_portal_" + name, help, portals.map { ([("portal", $0.name)], value($0)) })
        }
        add(.gauge, "live", "1 while the subscription is proven to work.") { .truth($0.state == .live) }
        text.add(
            .gauge, "pulld_portal_connected", "1 for the transport that the live subscription uses.",
            portals.flatMap { portal in
                Transport.allCases.map { transport in
                    let isUsed = portal.state == .live && portal.transport == transport
                    return ([("portal", portal.name), ("transport", transport.rawValue)], .truth(isUsed))
                }
            })
        add(
            .gauge, "last_contact_timestamp_seconds",
            "When bytes of any kind last came from the push server; 0: never. Its age is the one number to watch."
        ) { .moment($0.lastContact) }
        add(.gauge, "live_since_timestamp_seconds", "Since when the subscription is live; 0: it is not.") {
            .moment($0.liveSince)
        }
        text.add(
            .gauge, "pulld_portal_channel_end_timestamp_seconds",
            "When the channel ends unless it is renewed, by the portal's clock.",
            portals.flatMap { portal in
                portal.channels.map { ([("portal", portal.name), ("channel", $0.name)], .number($0.end)) }
            })
        add(.counter, "reconnects_total", "How often the subscription came up again after a loss.") {
            .count($0.reconnects)
        }
        add(.counter, "connection_failures_total", "Connections that broke, and attempts that failed.") {
            .count($0.connectionFailures)
        }
        add(.counter, "configuration_requests_total", "Requests for the portal's real-time configuration.") {
            .count($0.configurationRequests)
        }
        add(.counter, "configuration_failures_total", "Those that brought no configuration.") {
            .count($0.configurationFailures)
        }
        add(.counter, "audits_total", "How often the push server was asked for what it had not sent.") {
            .count($0.audits)
        }
        add(.counter, "audit_recovered_messages_total", "Messages that only an audit brought.") {
            .count($0.auditRecovered)
        }
        addMessages(to: &text)
    }

    private func addMessages(to text: inout MetricsText) {
        let counted = portals.compactMap { portal in portal.messages.map { (portal: portal.name, messages: $0) } }
        func add(_ name: String, _ help: String, _ value: (Messages) -> UInt64) {
            text.add(
                .counter, "pulld_portal_" + name, help,
                counted.map { ([("portal", $0.portal)], .count(value($0.messages))) })
        }
        add(
            "received_messages_total",
            "Messages received, over restarts: journaled, duplicate and service messages together."
        ) { $0.received }
        add("journaled_messages_total", "Messages that became events in the journal.") { $0.journaled }
        add("duplicate_messages_total", "Messages that had been received before.") { $0.duplicates }
        add("service_messages_total", "Messages from the push server to its subscribers' programs.") {
            $0.serviceCommands
        }
        add("malformed_pieces_total", "Received pieces that are no messages, kept in quarantine.") { $0.malformed }
        add("gap_records_total", "Records of messages that nothing can fetch any more.") { $0.gaps }
    }

    private func addHeartbeats(to text: inout MetricsText) {
        let beating = portals.compactMap { portal in portal.heartbeat.map { (portal: portal.name, heartbeat: $0) } }
        func add(
            _ kind: MetricsText.Kind, _ name: String, _ help: String, _ value: (Heartbeat) -> MetricsText.Value?
        ) {
            text.add(
                kind, "pulld_portal_" + name, help,
                beating.compactMap { portal, heartbeat in value(heartbeat).map { ([("portal", portal)], $0) } })
        }
        add(.gauge, "heartbeat_interval_seconds", "From one heartbeat to the next.") { .number($0.interval) }
        // No 0 for never: a start would look like decades of silence.
        add(
            .gauge, "heartbeat_last_return_timestamp_seconds",
            "When a heartbeat last came back, until then when the first was sent; absent while none could be."
        ) { ($0.lastReturn ?? $0.firstSent).map { .number($0) } }
        add(.gauge, "heartbeat_round_trip_seconds", "How long the last one took through portal and push server.") {
            $0.roundTrip.map { .number($0) }
        }
        add(.counter, "heartbeats_sent_total", "Heartbeats sent through the portal.") { .count($0.sent) }
        add(.counter, "heartbeats_returned_total", "Those that came back in time.") { .count($0.returned) }
        add(.counter, "heartbeats_lost_total", "Those that the portal refused, or that did not come back in time.") {
            .count($0.lost)
        }
    }

    // MARK: sinks

    private func addSinks(to text: inout MetricsText) {
        func add(_ kind: MetricsText.Kind, _ name: String, _ help: String, _ value: (Sink) -> MetricsText.Value) {
            text.add(kind, "pulld_sink_" + name, help, sinks.map { ([("sink", $0.name)], value($0)) })
        }
        add(
            .counter, "journaled_events_total",
            "Events and gap records that the journal has taken since the sink's first, over restarts: delivered, "
                + "filtered, dead and pending together."
        ) { .count($0.journaled) }
        add(.counter, "delivered_events_total", "Those delivered.") { .count($0.delivered) }
        add(.counter, "filtered_events_total", "Those held back by the sink's filter.") { .count($0.filtered) }
        add(.gauge, "dead_events", "Those given up, less the ones delivered since.") { .count($0.dead) }
        add(.gauge, "pending_events", "Those still to be delivered.") { .count($0.pending) }
        add(.gauge, "dead_letters", "Dead letters that are kept, to be sent again or dropped.") {
            .count($0.deadLetters)
        }
        add(.counter, "dead_letters_overflowed_total", "Dead letters that went because there were too many.") {
            .count($0.overflowedLetters)
        }
        add(.gauge, "blocked", "1 while nothing can be delivered.") { .truth($0.blockade != nil) }
        add(.gauge, "blocked_since_timestamp_seconds", "Since when nothing can be delivered; 0: it can.") {
            .moment($0.blockade?.since)
        }
        add(.counter, "blockades_total", "How often it was blocked.") { .count($0.blockades) }
        text.add(
            .gauge, "pulld_sink_oldest_pending_timestamp_seconds",
            "When the oldest pending event was received; absent where nothing is pending or it is not in memory.",
            sinks.compactMap { sink in sink.oldestPending.map { ([("sink", sink.name)], .number($0)) } })
    }

    // MARK: journal and process

    private func addJournal(to text: inout MetricsText) {
        func add(_ kind: MetricsText.Kind, _ name: String, _ help: String, _ value: MetricsText.Value) {
            text.add(kind, "pulld_journal_" + name, help, value)
        }
        add(
            .counter, "records_total", "Events and gap records brought to disk, over restarts.", .count(journal.records)
        )
        add(.gauge, "size_bytes", "Pages in use.", .count(journal.size))
        add(.gauge, "size_limit_bytes", "Beyond it the oldest events go.", .count(journal.sizeLimit))
        add(.gauge, "held_bytes", "Received and not yet on disk.", .count(journal.held))
        add(.gauge, "paused", "1 while intake waits for the disk.", .truth(journal.isPaused))
        add(.counter, "pauses_total", "How often something received had to wait for the disk.", .count(journal.pauses))
        add(.counter, "transactions_total", "Transactions.", .count(journal.transactions))
        add(
            .counter, "dropped_records_total", "Dropped because the journal was full, before every sink had them.",
            .count(journal.dropped))
        add(
            .counter, "count_faults_total", "Counts that did not add up: a fault of the program.",
            .count(journal.faults))
        add(.gauge, "blocked", "1 while the journal cannot be written.", .truth(journal.trouble != nil))
    }

    /// Under the names that all client libraries have for them.
    private func addProcess(to text: inout MetricsText) {
        text.add(
            .gauge, "process_start_time_seconds", "When the process began.", .number(startedAt))
        guard let process else { return }
        text.add(
            .gauge, "process_resident_memory_bytes", "Resident memory.", .count(process.residentMemory))
        text.add(.counter, "process_cpu_seconds_total", "User and system time.", .number(process.cpuTime))
        text.add(.gauge, "process_open_fds", "Open file descriptors.", .count(process.openDescriptors))
    }
}
