import JSONText

/// `POST /sandbox/fault {"kind":…}`. The answer tells how many connections were hit, where that makes sense.
///
/// | kind | members | what happens |
/// |---|---|---|
/// | `cut` | – | all connections end without a close frame, polls without an answer |
/// | `close` | `code`, `reason` | close frame, or the poll's status for it |
/// | `freeze`, `thaw` | – | standing connections stay, and get nothing, pongs included |
/// | `garbage` | `text` or `hex`; `first_byte` for a frame of any kind | goes out to all WebSockets |
/// | `chaos` | `cut_every_seconds`; 0 ends it | `cut`, again and again |
/// | `ping-now` | – | a real ping: messages are thrown away until the pong |
/// | `drop-between-ping-and-pong` | `count`, `channel`, `user` | pings, and events that no pinged connection gets |
/// | `ping-interval` | `seconds`; 0 ends it | pings that measure pongs and throw nothing away |
/// | `ping-window` | `probability` | each message is dropped for each WebSocket so often, and a ping sent instead |
/// | `subscribe-race` | `probability`, `seconds` (0.05) | registration so long after the history was read |
/// | `history-delay` | `seconds` | the same, every time |
/// | `out-of-order` | `probability`, `seconds` (0.5) | stored and sent up to so much later than numbered |
/// | `lose-store` | – | the store is empty, ids begin again at the same ten digits and 1 |
/// | `counter-back` | `by` | the store of so many messages ago: their ids are given again |
/// | `rotate-now`, `end-channels` | – | new ids at once; ends now, lazily |
/// | `end-channels-at` | `seconds` | all channels end in so many seconds, at the same moment |
/// | `channel-expire` | `variant`, `channel`, `user`, `rotate` (true) | see `ExpireVariant` |
/// | `service` | `command`, `channel`, `user` | `config_expire`, `server_restart`, `reopen`, `open`, … with empty params |
/// | `expire-tokens`, `revoke-tokens` | – | access tokens end; refresh tokens do not work any more |
/// | `block-tokens` | a way to fail; `"off":true` opens | the authorisation server does, until cleared |
/// | `slow-tokens` | `seconds` | it answers so late |
/// | `lose-token-answers` | `count` | the next new tokens reach nobody, and the old ones are used up |
/// | `token-life` | `seconds`; 0: as the options say | of the access tokens issued from now on |
/// | `token-get-only` | `"off":true` ends it | it takes no POST form |
/// | `other-member` | `"off":true` ends it | its answers are for another portal |
/// | `rename` | `host`; none: the old name again | the portal answers at this name, and with 302 at any other |
/// | `config-error` | `vector`, or `status` and `body`; `count` | the next config calls get this |
/// | `config-unavailable` | `seconds`; a way to fail | every config call fails for that long |
/// | `refuse-upgrade`, `refuse-poll` | `status`, `body`, `count` | the next ones get this |
/// | `block-upgrades`, `block-polls` | a way to fail; `"off":true` opens | every one, until cleared |
/// | `slow-accept` | `seconds` | handshakes are answered so late |
/// | `silent-after-accept` | `"off":true` ends it | handshakes succeed, then nothing is ever sent |
/// | `reject-after-accept` | `code`, `reason`, `count` | the next handshakes succeed and are closed at once |
/// | `clear` | – | ends all that waits or lasts, but `chaos`, `ping-interval` and `freeze` |
///
/// A way to fail: `status` and `body`; `"drop":true`, the connection ends without a byte; `"hang":true`, it is accepted
/// and nothing comes. Without any, 403 with a proxy's page; for config calls 503.
struct ControlFaults: Sendable {
    let sandbox: Sandbox

    func answer(_ order: JSONValue) -> WebReply {
        if let hit = hitConnections(order) { return .json(.object([("connections", .integer(hit))])) }
        return arm(order) ? .json(.object([("ok", .bool(true))])) : .text("Unknown fault", status: 400)
    }

    /// Faults of standing connections. Nil for any other.
    private func hitConnections(_ order: JSONValue) -> Int? {
        switch order["kind"]?.string {
        case "cut": return sandbox.cut()
        case "close":
            let close = close(order, fallback: PushClose(code: 1001, reason: ""))
            return sandbox.close(code: close.code, reason: close.reason)
        case "freeze": return sandbox.freeze()
        case "thaw": return sandbox.thaw()
        case "garbage": return garbage(order)
        default: return nil
        }
    }

    /// Everything else. False if there is no such fault.
    private func arm(_ order: JSONValue) -> Bool {
        let kind = order["kind"]?.string ?? ""
        return armDoor(kind, order) || armTokens(kind, order) || armPortal(kind, order) || armHub(kind, order)
    }

    /// Handshakes, polls and config calls to come.
    private func armDoor(_ kind: String, _ order: JSONValue) -> Bool {
        let count = max(1, order["count"]?.lenientInt ?? 1)
        let isOff = order["off"]?.lenientBool == true
        let faults = sandbox.faults
        switch kind {
        case "clear": faults.clear()
        case "reject-after-accept": faults.closeAfterAccept(close(order, fallback: .wrongChannel), count: count)
        case "refuse-upgrade": faults.refuseUpgrades(rawAnswer(order), count: count)
        case "refuse-poll": faults.refusePolls(rawAnswer(order), count: count)
        case "block-upgrades": faults.blockUpgrades(isOff ? nil : blockade(order, fallback: .proxyPage))
        case "block-polls": faults.blockPolls(isOff ? nil : blockade(order, fallback: .proxyPage))
        case "slow-accept": faults.delayAccept(by: seconds(order))
        case "silent-after-accept": faults.acceptSilently(!isOff)
        case "config-error":
            if let vector = order["vector"]?.string { return faults.failConfigs(vector: vector, count: count) }
            faults.failConfigs(rawAnswer(order), count: count)
        case "config-unavailable":
            faults.failAllConfigs(for: seconds(order), blockade(order, fallback: .answer(rawAnswer(order))))
        default: return false
        }
        return true
    }

    /// The authorisation server, and the portal's name.
    private func armTokens(_ kind: String, _ order: JSONValue) -> Bool {
        let isOff = order["off"]?.lenientBool == true
        let faults = sandbox.faults
        switch kind {
        case "block-tokens":
            let closed = Blockade.answer(Faults.RawAnswer(status: 503, body: "<html>maintenance</html>"))
            faults.blockTokens(isOff ? nil : blockade(order, fallback: closed))
        case "slow-tokens": faults.delayTokens(by: seconds(order))
        case "lose-token-answers": faults.loseTokenAnswers(count: max(1, order["count"]?.lenientInt ?? 1))
        case "token-life": faults.setTokenLife(seconds(order) > 0 ? seconds(order) : nil)
        case "token-get-only": faults.refuseTokenPosts(!isOff)
        case "other-member": faults.setMemberID(isOff ? nil : "fedcba9876543210fedcba9876543210")
        case "rename": sandbox.rename(to: order["host"]?.string)
        default: return false
        }
        return true
    }

    /// Channels, tokens and service commands.
    private func armPortal(_ kind: String, _ order: JSONValue) -> Bool {
        switch kind {
        case "rotate-now": sandbox.rotateNow()
        case "end-channels": sandbox.endChannels()
        case "end-channels-at": sandbox.endChannels(in: seconds(order))
        case "expire-tokens": sandbox.expireAccessTokens()
        case "revoke-tokens": sandbox.revokeRefreshTokens()
        case "channel-expire":
            guard let variant = ExpireVariant(order["variant"]?.string ?? "") else { return false }
            let rotates = order["rotate"]?.lenientBool ?? true
            sandbox.announceExpiry(variant, to: SandboxTarget(order), rotates: rotates)
        case "service":
            sandbox.publish(
                command: order["command"]?.string ?? "config_expire", module: "pull", to: SandboxTarget(order))
        default: return false
        }
        return true
    }

    /// Pings, holes and the store.
    private func armHub(_ kind: String, _ order: JSONValue) -> Bool {
        let holes = sandbox.faults.holes
        let probability = order["probability"]?.lenientDouble ?? 0
        switch kind {
        case "ping-now": sandbox.pingNow()
        case "drop-between-ping-and-pong":
            sandbox.dropBetweenPingAndPong(
                count: max(1, order["count"]?.lenientInt ?? 1), to: SandboxTarget(order))
        case "ping-interval": sandbox.measurePongs(every: seconds(order))
        case "chaos": sandbox.cut(every: order["cut_every_seconds"]?.lenientDouble ?? 0)
        case "history-delay": sandbox.faults.delayHistory(by: seconds(order))
        case "ping-window": holes.odds.pingWindow = probability
        case "subscribe-race":
            holes.odds.subscribeRace = probability
            if let seconds = order["seconds"]?.lenientDouble { holes.odds.raceSeconds = max(0, seconds) }
        case "out-of-order":
            holes.odds.outOfOrder = probability
            if let seconds = order["seconds"]?.lenientDouble { holes.odds.orderSeconds = max(0, seconds) }
        case "lose-store": sandbox.loseStore()
        case "counter-back": sandbox.goBack(by: order["by"]?.lenientInt ?? 0)
        default: return false
        }
        return true
    }

    private func seconds(_ order: JSONValue) -> Double {
        let seconds = order["seconds"]?.lenientDouble ?? 0
        return seconds.isFinite ? max(0, seconds) : 0
    }

    private func blockade(_ order: JSONValue, fallback: Blockade) -> Blockade {
        if order["drop"]?.lenientBool == true { return .drop }
        if order["hang"]?.lenientBool == true { return .silence }
        return order["status"] == nil ? fallback : .answer(rawAnswer(order))
    }

    private func close(_ order: JSONValue, fallback: PushClose) -> PushClose {
        guard let code = order["code"]?.lenientInt.flatMap({ UInt16(exactly: $0) }) else { return fallback }
        return PushClose(code: code, reason: order["reason"]?.string ?? "")
    }

    private func rawAnswer(_ order: JSONValue) -> Faults.RawAnswer {
        let status = order["status"]?.lenientInt ?? 503
        return Faults.RawAnswer(
            status: 200...599 ~= status ? status : 503, body: order["body"]?.string ?? "")
    }

    private func garbage(_ order: JSONValue) -> Int {
        let text = order["text"]?.string
        let bytes = text.map { Array($0.utf8) } ?? Self.bytes(hex: order["hex"]?.string ?? "")
        if let first = order["first_byte"]?.lenientInt.flatMap({ UInt8(exactly: $0) }) {
            return sandbox.sendFrame(firstByte: first, payload: bytes)
        }
        return sandbox.sendGarbage(bytes, isBinary: text == nil)
    }

    private static func bytes(hex: String) -> [UInt8] {
        let digits = hex.utf8.compactMap { Character(UnicodeScalar($0)).hexDigitValue }
        return stride(from: 0, to: digits.count - digits.count % 2, by: 2).map {
            UInt8(digits[$0] << 4 | digits[$0 + 1])
        }
    }
}
