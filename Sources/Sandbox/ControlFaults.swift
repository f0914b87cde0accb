import JSONText

/// `POST /sandbox/fault {"kind":…}`. The answer tells how many connections were hit, where that makes sense.
///
/// | kind | members |
/// |---|---|
/// | `cut`, `freeze`, `thaw`, `ping-now`, `rotate-now`, `end-channels`, `expire-tokens`, `revoke-tokens`, `clear` | – |
/// | `close`, `reject-after-accept` | `code`, `reason`, `count` for the latter |
/// | `refuse-upgrade`, `refuse-poll` | `status`, `body`, `count` |
/// | `config-error` | `vector`, or `status` and `body`; `count` |
/// | `drop-between-ping-and-pong` | `count`, `channel`, `user` |
/// | `history-delay` | `seconds` |
/// | `out-of-order` | `probability` |
/// | `garbage` | `text` or `hex`, with `first_byte` for a frame of any kind |
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
        let count = max(1, order["count"]?.lenientInt ?? 1)
        let faults = sandbox.faults
        switch order["kind"]?.string {
        case "ping-now": sandbox.pingNow()
        case "rotate-now": sandbox.rotateNow()
        case "end-channels": sandbox.endChannels()
        case "expire-tokens": sandbox.expireAccessTokens()
        case "revoke-tokens": sandbox.revokeRefreshTokens()
        case "clear": faults.clear()
        case "reject-after-accept": faults.closeAfterAccept(close(order, fallback: .wrongChannel), count: count)
        case "refuse-upgrade": faults.refuseUpgrades(rawAnswer(order), count: count)
        case "refuse-poll": faults.refusePolls(rawAnswer(order), count: count)
        case "config-error":
            if let vector = order["vector"]?.string { return faults.failConfigs(vector: vector, count: count) }
            faults.failConfigs(rawAnswer(order), count: count)
        case "drop-between-ping-and-pong":
            sandbox.dropBetweenPingAndPong(count: count, to: SandboxTarget(order))
        case "history-delay": faults.delayHistory(by: order["seconds"]?.lenientDouble ?? 0)
        case "out-of-order": faults.publishOutOfOrder(probability: order["probability"]?.lenientDouble ?? 0)
        default: return false
        }
        return true
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
