/// Faults by name. Others go by `fault(_:_:)`; the table of all of them stands at the sandbox's `ControlFaults`.
extension SandboxProcess {
    /// How a door is shut.
    public enum Blockade: Sendable {
        /// Everybody gets this status.
        case status(Int)
        /// The connection is accepted and ends without a byte.
        case drop
        /// The connection is accepted, and nothing comes.
        case hang

        var members: [String: any Sendable] {
            switch self {
            case .status(let status): ["status": status, "body": "<html><body>no</body></html>"]
            case .drop: ["drop": true]
            case .hang: ["hang": true]
            }
        }
    }

    // MARK: Holes

    /// With this probability a message is not sent to a WebSocket, and a ping is sent instead. It stays in the store.
    public func pingWindow(_ probability: Double) async throws {
        try await fault("ping-window", ["probability": probability])
    }

    /// With this probability a subscription with a position is registered only `seconds` after its history was read.
    public func subscribeRace(_ probability: Double, seconds: Double = 0.05) async throws {
        try await fault("subscribe-race", ["probability": probability, "seconds": seconds])
    }

    /// With this probability a message is stored and sent up to `seconds` later than it was numbered.
    public func outOfOrder(_ probability: Double, seconds: Double = 0.5) async throws {
        try await fault("out-of-order", ["probability": probability, "seconds": seconds])
    }

    /// Cuts all connections again and again; 0 ends it.
    public func chaos(cutEvery seconds: Double) async throws {
        try await fault("chaos", ["cut_every_seconds": seconds])
    }

    // MARK: The push server's store

    /// Its data is gone, and ids begin again with the same ten digits and 1.
    public func loseStore() async throws { try await fault("lose-store") }

    /// It is the one of `count` messages ago: their ids are given again, to other messages.
    public func counterBack(by count: Int) async throws { try await fault("counter-back", ["by": count]) }

    // MARK: Channels

    /// All channels of all users end in so many seconds, at the same moment, those made before it, too. A client that has
    /// asked already knows another end.
    public func endChannels(in seconds: Double) async throws {
        try await fault("end-channels-at", ["seconds": seconds])
    }

    /// Sends a `channel_expire`.
    ///
    /// - Parameters:
    ///   - variant: `documented`, `older`, `deleted`, `newest`; `foreign`, `unknown-id`, `capitals`, `broken-params`,
    ///     `no-params`.
    ///   - rotates: whether the channel gets a new id first, or nothing has changed at all.
    public func channelExpire(_ variant: String, channel: String = "shared", rotates: Bool = true) async throws {
        try await fault("channel-expire", ["variant": variant, "channel": channel, "rotate": rotates])
    }

    /// Publishes a service command with empty params.
    public func service(_ command: String, channel: String = "shared") async throws {
        try await fault("service", ["command": command, "channel": channel])
    }

    // MARK: Doors

    /// Every config call fails for so many seconds from now.
    public func configUnavailable(for seconds: Double, _ kind: Blockade = .status(503)) async throws {
        try await fault("config-unavailable", kind.members.merging(["seconds": seconds]) { $1 })
    }

    /// Every WebSocket handshake is refused, while REST and polls work. Nil ends it.
    public func blockUpgrades(_ kind: Blockade?) async throws {
        try await fault("block-upgrades", kind?.members ?? ["off": true])
    }

    /// Every long poll is refused. Nil ends it.
    public func blockPolls(_ kind: Blockade?) async throws {
        try await fault("block-polls", kind?.members ?? ["off": true])
    }

    /// Handshakes succeed, and then nothing is ever sent, pongs included. Connections that stand are as before.
    public func silentAfterAccept(_ isOn: Bool) async throws {
        try await fault("silent-after-accept", ["off": !isOn])
    }

    /// Handshakes are answered so late; 0 ends it.
    public func slowAccept(seconds: Double) async throws { try await fault("slow-accept", ["seconds": seconds]) }

    /// Pings all WebSockets again and again to measure their pongs; nothing is thrown away until they come. 0 ends it.
    public func measurePongs(every seconds: Double) async throws {
        try await fault("ping-interval", ["seconds": seconds])
    }
}
