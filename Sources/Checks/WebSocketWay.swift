import PullProtocol
import Transport
import WebSocket

/// A WebSocket that is opened and held.
struct WebSocketWay: Sendable {
    let request: Result<WebSocketRequest, ConfigurationError>
    let limits: CheckLimits
    let transport: Transport

    /// Runs until it is cancelled or the connection ends.
    ///
    /// - Parameters:
    ///   - onProof: called once.
    ///   - onEvent: called when the test event is there.
    func run(
        _ nonce: Nonce, onProof: @escaping @Sendable (WayResult) -> Void, onEvent: @Sendable () -> Void
    ) async {
        let watch = Stopwatch()
        let connection: WebSocketConnection
        do throws(TransportError) {
            guard case .success(let request) = request else { return onProof(Self.unusable(request)) }
            connection = try await transport.connectWebSocket(request)
        } catch {
            return onProof(Self.refused(error, took: watch.elapsed))
        }
        let took = watch.elapsed
        await withTaskGroup(of: Void.self) { group in
            group.addTask { [limits] in
                do { try await Task.sleep(for: limits.proof) } catch { return }
                if connection.ending == nil { onProof(.good(took: took)) }
            }
            while let batches = await connection.receive() {
                if batches.contains(where: { nonce.isIn($0.bytes) }) { onEvent() }
            }
            // Told twice, the first one counts.
            if let ending = connection.ending { onProof(Self.ended(ending, took: took)) }
            group.cancelAll()
        }
        connection.close(code: 1000)
    }

    private static func unusable(_ request: Result<WebSocketRequest, ConfigurationError>) -> WayResult {
        guard case .failure(let error) = request else { return .bad(message: "", cure: "", took: nil) }
        return .bad(message: error.message, cure: error.cure, took: nil)
    }

    static func refused(_ error: TransportError, took: Duration?) -> WayResult {
        let message = "\(error.stage.rawValue): \(error.message)"
        guard error.stage == .upgrade else {
            let cure = error.cure.isEmpty ? "check the way to the push server" : error.cure
            return .bad(message: message, cure: cure, took: took)
        }
        guard let status = error.status else { return .bad(message: message, cure: blocked, took: took) }
        let code = HandshakeMeaning.effectiveCode(status: status, body: error.answer)
        return .bad(message: message, cure: cure(forCode: code), took: took)
    }

    static func ended(_ ending: WebSocketEnding, took: Duration?) -> WayResult {
        switch ending {
        case .transport(let error): refused(error, took: took)
        case .session(.closedByPeer(let close)), .session(.closedByUs(_, let close?)):
            .bad(
                message: "opened, and closed by the server with code \(close.code)",
                cure: cure(forCode: CloseMeaning.effectiveCode(code: Int(close.code), reason: close.reason)), took: took
            )
        case .session(.violation(let violation)):
            .bad(
                message: "opened, and then no WebSocket: \(violation.message) (RFC 6455, \(violation.section))",
                cure: blocked, took: took)
        case .session(.closedByUs(_, nil)), .session(.unclean):
            .bad(message: "opened, and the connection ended at once", cure: blocked, took: took)
        }
    }

    static let blocked =
        "let whatever is in between (proxy, firewall) pass WebSocket upgrades to the push server"

    /// What to do about a refusal, by the push server's code or the HTTP status.
    static func cure(forCode code: Int) -> String {
        switch code {
        case 4010: "check the signature key in the settings of the portal's Push and Pull module"
        case 4025, 4036: "register the portal at the push server again, in the settings of its Push and Pull module"
        case 4029, 429: "end other subscribers of the same user: the push server has too many connections"
        case 4000...4999: "look the code up in the push server's log"
        case 500, 502, 503, 504: "check that the push server runs, and what stands before it"
        default: blocked
        }
    }
}
