import Events
import JSONText

/// Receivers of something published.
public enum SandboxTarget: Sendable {
    /// The application's shared channel.
    case shared
    /// A user's private channel of the application.
    case `private`(user: Int = 1)
    /// Both at once: a subscriber of both gets it twice under one id.
    case doubled(user: Int = 1)

    var owners: [ChannelOwner] {
        switch self {
        case .shared: [.applicationShared]
        case .private(let user): [.applicationPrivate(user: user)]
        case .doubled(let user): [.applicationPrivate(user: user), .applicationShared]
        }
    }
}

extension Sandbox {
    // MARK: Publishing

    /// Publishes an event as the portal does, with its `extra`.
    ///
    /// - Parameters:
    ///   - params: raw JSON.
    ///   - expiry: seconds; 0: only who is connected gets it.
    @discardableResult
    public func publish(
        command: String, params: [UInt8] = Array("[]".utf8), module: String = "application",
        to target: SandboxTarget = .shared, expiry: UInt32 = 86_400
    ) -> MessageID {
        publishBody(events.body(module: module, command: command, params: params), to: target, expiry: expiry)
    }

    /// Publishes any bytes: push servers check nothing.
    @discardableResult
    public func publishBody(
        _ body: [UInt8], to target: SandboxTarget = .shared, expiry: UInt32 = 86_400
    ) -> MessageID {
        hub.publish(body, to: receivers(of: target), expiry: expiry)
    }

    private func receivers(of target: SandboxTarget) -> [ChannelKey] {
        target.owners.map { ChannelKey(id: events.channel(of: $0).id) }
    }

    /// Starts the load generator in the background.
    ///
    /// - Returns: false while another run is not done.
    @discardableResult
    public func startLoad(_ load: SandboxLoad) -> Bool { self.load.start(load) }

    public var loadProgress: LoadProgress { load.current }

    /// Ends the current run of the load generator.
    public func stopLoad() { load.stop() }

    // MARK: Looking

    /// Where REST is served: ends in `/rest/`.
    public var restBase: String { addresses.restBase }
    /// Every token, channel id, signature, key and webhook code ever issued.
    public var issuedSecrets: [String] { secrets.issued }
    /// Every message ever published, in order of publication.
    public var ledger: [LedgerEntry] { ledgerStore.all }
    public var calls: [RESTCall] { callLog.all }
    public var credentials: [SandboxCredentials] { authorisations.credentials }
    public var connections: [ConnectionInfo] { hub.connections }

    // MARK: Channels and tokens

    /// Lets all channels end now. The next operation that needs one makes its new id.
    public func endChannels() { registry.endNow() }

    /// Lets all channels end at the same moment, in so many seconds; those made before it, too.
    public func endChannels(in seconds: Double) { registry.endAll(in: seconds) }

    /// Sends `channel_expire` to the channels of the target.
    ///
    /// - Parameter rotates: whether they get new ids first, or nothing has changed at all.
    public func announceExpiry(_ variant: ExpireVariant, to target: SandboxTarget, rotates: Bool = true) {
        for owner in target.owners { events.announceExpiry(variant, of: owner, rotates: rotates) }
    }

    /// Makes new ids for all channels at once and tells the old ones.
    public func rotateNow() { events.rotateNow() }

    public func expireAccessTokens() { authorisations.expireAccessTokens() }

    /// The portal answers at this name of this machine from now on, and with a redirect at any other. Nil: as at first.
    public func rename(to host: String?) { addresses.rename(to: host) }

    public func revokeRefreshTokens() { authorisations.revokeRefreshTokens() }

    // MARK: The push server's store

    /// It loses its data while it runs: ids begin again with the same ten digits and counter 1.
    public func loseStore() { hub.loseStore() }

    /// It is restored from a copy made `count` messages ago: their ids are given again, to other messages.
    public func goBack(by count: Int) { hub.goBack(by: count) }

    // MARK: Again and again

    /// Drops all connections every so many seconds; 0 ends it.
    public func cut(every seconds: Double) { cuts.set(every: seconds) }

    /// Pings all WebSockets every so many seconds to measure their pongs, beside the server's usual pings; 0 ends it.
    /// Nothing is thrown away until they come.
    public func measurePongs(every seconds: Double) { measuringPings.set(every: seconds) }

    // MARK: Faults of standing connections

    /// Drops all connections without a close frame; polls end without an answer.
    @discardableResult
    public func cut() -> Int { hub.cutAll() }

    @discardableResult
    public func close(code: UInt16, reason: String) -> Int { hub.closeAll(PushClose(code: code, reason: reason)) }

    /// Stops sending on the connections that stand, pongs included. What is published meanwhile does not reach them.
    @discardableResult
    public func freeze() -> Int { hub.freezeAll(true) }

    @discardableResult
    public func thaw() -> Int { hub.freezeAll(false) }

    public func pingNow() { hub.pingAll() }

    /// Pings all WebSockets and publishes `count` events before any pong can arrive: they are stored, and never sent.
    @discardableResult
    public func dropBetweenPingAndPong(count: Int, to target: SandboxTarget = .shared) -> [MessageID] {
        let bodies = (0..<max(0, count)).map {
            events.body(module: "application", command: "sandbox.dropped", params: Array("{\"i\":\($0)}".utf8))
        }
        return hub.pingAll(thenPublish: bodies, to: receivers(of: target))
    }

    /// Sends one data frame of any bytes to all WebSockets.
    @discardableResult
    public func sendGarbage(_ bytes: [UInt8], isBinary: Bool) -> Int {
        hub.sendAll(.messages(bytes, isBinary: isBinary))
    }

    /// Sends one frame whose first byte (FIN, reserved bits, opcode) is given, to all WebSockets.
    @discardableResult
    public func sendFrame(firstByte: UInt8, payload: [UInt8]) -> Int {
        hub.sendAll(.malformed(firstByte: firstByte, payload: payload))
    }
}
