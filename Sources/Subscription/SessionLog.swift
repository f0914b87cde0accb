import Journal
import Logging
import PullProtocol
import Secrets

/// The session's lines in the log: constant messages, the variable parts as metadata.
extension Session {
    func log(_ note: SessionNote) {
        switch note {
        case .askingForConfiguration(let reason):
            logger.debug("asking the portal for its configuration", metadata: ["reason": "\(reason.rawValue)"])
        case .configured(let configuration, let isChanged):
            logger.debug(
                isChanged ? "the portal's configuration is new" : "the portal's configuration is unchanged",
                metadata: [
                    "version": "\(configuration.version)", "mode": "\(configuration.mode.rawValue)",
                    "channels": "\(configuration.correlation)", "earliest_end": "\(configuration.earliestEnd)",
                ])
        case .noConfiguration(let failure, let wait):
            logger.warning(
                "no configuration from the portal",
                metadata: [
                    "cause": "\(failure.message)", "cure": "\(failure.cure)", "retry_in_s": "\(tenths(wait))",
                ])
        case .connecting(let transport, let channels):
            logger.debug("connecting", metadata: ["transport": "\(transport.rawValue)", "channels": "\(channels)"])
        case .live(let transport):
            logger.info("subscribed", metadata: ["transport": "\(transport.rawValue)"])
        case .rotated(let old, let new):
            logger.info("switched to new channels", metadata: ["from": "\(old)", "to": "\(new)"])
        case .retired:
            logger.debug("closed the connection to the old channels")
        case .lost(let end, let wait, let alarm):
            var metadata: Logger.Metadata = ["cause": "\(end.cause)", "retry_in_s": "\(tenths(wait))"]
            if !end.cure.isEmpty { metadata["cure"] = "\(end.cure)" }
            if let alarm { metadata["alarm"] = "\(alarm)" }
            logger.log(level: alarm == nil ? .warning : .error, "not connected to the push server", metadata: metadata)
        case .stuck(let silence):
            logger.warning(
                "the push server does not answer pings: connecting anew",
                metadata: ["silent_for_s": "\(silence.components.seconds)"])
        case .serviceCommand(let command):
            logger.debug("service command", metadata: ["command": "\(command.name)"])
        case .auditsPaused(let code, let seconds):
            logger.warning(
                "the push server refuses audits: none for a while",
                metadata: ["code": "\(code)", "pause_s": "\(tenths(seconds))"])
        case .historyCut:
            logger.info("more was waiting than one answer holds: each channel is asked by itself")
        // Logged where its bounds are known.
        case .gap: break
        case .webSocketBlocked:
            logger.warning("something on the way does not let WebSocket through: long polling takes its place")
        case .webSocketWorksAgain:
            logger.info("WebSocket gets through again")
        case .clockJumped(let seconds):
            logger.notice("the clock was set, or the machine slept", metadata: ["seconds": "\(tenths(seconds))"])
        case .formerChannelsDrained(let channels):
            logger.debug("the former channels are drained", metadata: ["channels": "\(channels)"])
        case .formerChannelsGivenUp(let channels):
            logger.warning("the former channels cannot be read any more", metadata: ["channels": "\(channels)"])
        }
    }

    func log(_ gap: SessionGap, _ bounds: HistoryReach.Bounds) {
        var metadata: Logger.Metadata = ["reason": "\(gap.reason.rawValue)"]
        if let after = bounds.after { metadata["after"] = "\(after)" }
        if let before = bounds.before { metadata["before"] = "\(before)" }
        logger.error("events are gone that nothing can fetch: see the gap record", metadata: metadata)
    }

    private func tenths(_ seconds: Double) -> String {
        let tenths = Int((seconds * 10).rounded())
        return "\(tenths / 10).\(tenths % 10)"
    }

    func logTroubles(_ outcome: Intake.Outcome) {
        wentBack += outcome.wentBack
        let now = time.now().monotonic
        // It goes on until the counter has caught up.
        if wentBack > 0, wentBackToldAt.map({ now - $0 >= .seconds(60) }) ?? true {
            logger.error(
                "the push server's counter went back: it gives out message ids anew",
                metadata: ["messages": "\(wentBack)"])
            wentBack = 0
            wentBackToldAt = now
        }
        if outcome.lostStore {
            logger.error("the push server has a new store: what the old one held is gone")
        }
        for piece in outcome.malformed {
            logger.error(
                "a part of what was received is no message: kept in quarantine",
                metadata: ["bytes": "\(piece.range.count)"])
        }
        if let damage = outcome.damage {
            logger.error("a damaged frame", metadata: ["undecoded_bytes": "\(damage.undecodedBytes)"])
        }
        if outcome.unknownBytes > 0 {
            logger.warning(
                "received something that no push server sends", metadata: ["bytes": "\(outcome.unknownBytes)"])
        }
        if let failure = outcome.lookUpFailure {
            logger.error(
                "earlier messages cannot be looked up: some may come twice",
                metadata: ["cause": "\(failure.message)", "cure": "\(failure.cure)"])
        }
    }

    func logIntake(isPaused: Bool) {
        if isPaused {
            logger.warning("intake is paused: the journal takes no more until the disk does")
        } else {
            logger.notice("intake goes on")
        }
    }

    func log(_ error: JournalError) {
        logger.critical(
            "the journal does not take what is received: the session ends",
            metadata: ["cause": "\(error.message)", "cure": "\(error.cure)"])
    }
}

extension ServiceCommand {
    var name: String {
        switch self {
        case .channelExpire: "channel_expire"
        case .configExpire: "config_expire"
        case .serverRestart: "server_restart"
        case .noOperation: "open"
        }
    }
}
