import Events
import PullProtocol
import Transport

/// Long polls, one after the other.
struct LongPollWay: Sendable {
    let request: @Sendable (Position) -> Result<HTTPRequest, ConfigurationError>
    let mode: PayloadMode
    let limits: CheckLimits
    let transport: Transport

    /// Runs until it is cancelled or a poll is refused.
    ///
    /// - Parameters:
    ///   - onProof: called once.
    ///   - onEvent: called when the test event is there.
    func run(
        _ nonce: Nonce, onProof: @escaping @Sendable (WayResult) -> Void, onEvent: @Sendable () -> Void
    ) async {
        let watch = Stopwatch()
        await withTaskGroup(of: Void.self) { group in
            group.addTask { [limits] in
                do { try await Task.sleep(for: limits.proof) } catch { return }
                onProof(.good(took: nil))
            }
            var position = Position.none
            while !Task.isCancelled {
                let answer = await poll(position)
                if Task.isCancelled { break }
                let took = watch.elapsed
                switch answer {
                case .failure(let bad):
                    onProof(bad(took))
                    group.cancelAll()
                    return
                case .success(let body):
                    onProof(.good(took: took))
                    if nonce.isIn(body) { onEvent() }
                    position = newest(in: body).map { .message($0) } ?? position
                    // An answer without anything comes after the server's own wait, or it is none.
                    if body.isEmpty { try? await Task.sleep(for: .milliseconds(500)) }
                }
            }
            group.cancelAll()
        }
    }

    private struct Refusal: Error {
        var message: String
        var cure: String

        func callAsFunction(_ took: Duration) -> WayResult { .bad(message: message, cure: cure, took: took) }
    }

    /// The body of an answer; empty for none in time.
    private func poll(_ position: Position) async -> Result<[UInt8], Refusal> {
        let request: HTTPRequest
        switch self.request(position) {
        case .success(let made): request = made
        case .failure(let error): return .failure(Refusal(message: error.message, cure: error.cure))
        }
        do throws(TransportError) {
            let response = try await transport.exchange(request)
            let verdict = PollMeaning.of(
                status: response.status, headers: response.headers, body: response.body, position: position)
            if verdict.action == .poll, !verdict.isFailure { return .success(response.body) }
            let message = "the push server answered the poll with status \(response.status)"
            return .failure(Refusal(message: message, cure: Self.cure(forCode: verdict.code)))
        } catch {
            if error.isTimeout, error.stage == .http { return .success([]) }
            let cure = error.cure.isEmpty ? "check the way to the push server" : error.cure
            return .failure(Refusal(message: "\(error.stage.rawValue): \(error.message)", cure: cure))
        }
    }

    static func cure(forCode code: Int) -> String {
        4000...4999 ~= code || 500...599 ~= code || code == 429
            ? WebSocketWay.cure(forCode: code)
            : "let whatever is in between (proxy, firewall) pass requests to the push server"
    }

    private func newest(in body: [UInt8]) -> MessageID? {
        var decoded = DecodedUnit()
        body.withUnsafeBytes { UnitDecoder(mode: mode).decode($0, kind: .longPoll, into: &decoded) }
        return decoded.events.compactMap(\.id).max()
    }
}
