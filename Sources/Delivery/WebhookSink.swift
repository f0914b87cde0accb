public import Events
public import Secrets
import Timing
public import Transport

/// Posts each event to a program on this machine, one after the other in their order, until it is taken:
///
/// ```
/// POST /bitrix HTTP/1.1
/// content-type: application/json
/// webhook-id: acme-17000000000000000000000042     the same for every attempt at this event, over restarts too;
///                                                 of a gap record acme-gap-SEQ, of an event without position acme-SEQ
/// webhook-timestamp: 1795338000                   of this attempt
/// webhook-signature: v1,BASE64                    with a secret only
///
/// {"seq":41,"portal":"acme",…}
/// ```
///
/// Headers by the Standard Webhooks specification 1.0.0. Any 2xx takes the event; everything else is tried again for
/// ever, after 0.5 s, 1 s, 2 s … 30 s. Each event taken is kept as such at once, so after a crash at most the last ones
/// come again.
public actor WebhookSink: Sink {
    public nonisolated let executor: (any TaskExecutor)? = nil

    private let url: Secret
    private let signature: WebhookSignature?
    private let client: any HTTPClient
    private let timeout: Duration
    private let clock: DeliveryClock
    private var buffer = OutputBuffer(capacity: 4096)
    private var backoff = Backoff.doubling(from: .milliseconds(500), to: .seconds(30), jitter: -0.2...0)

    /// - Parameters:
    ///   - url: http or https to a loopback host, which whoever read it has checked.
    ///   - secret: nil for no signature.
    ///   - timeout: of one attempt.
    public init(
        url: String, secret: Secret? = nil, client: any HTTPClient, timeout: Duration = .seconds(30),
        clock: DeliveryClock = .system
    ) {
        self.url = Secret(url)
        signature = secret.map(WebhookSignature.init)
        self.client = client
        self.timeout = timeout
        self.clock = clock
    }

    public func deliver(
        _ batches: [EventBatch], filter: EventFilter, progress: DeliveryProgress
    ) async throws(SinkError) {
        for batch in batches {
            try await deliver(batch, filter, progress)
        }
    }

    private func deliver(
        _ batch: EventBatch, _ filter: EventFilter, _ progress: DeliveryProgress
    ) async throws(SinkError) {
        let line = EventLine(batch)
        let isAdmitted = filter.admits(portal: batch.portal)
        var filtered = 0
        for (index, event) in batch.events.enumerated() {
            let passes = isAdmitted && batch.bytes.withUnsafeBufferPointer { filter.passes(event, in: $0) }
            if !passes {
                filtered += 1
                continue
            }
            let sequence = batch.firstSequence &+ UInt64(index)
            buffer.removeAll()
            line.append(index..<index + 1, to: &buffer)
            let body = buffer.withUnsafeBytes { [UInt8]($0.dropLast()) }
            let id = Self.id(of: event, portal: batch.portal, sequence: sequence)
            try await post(body, id: id, progress)
            progress.advance(through: sequence, delivered: 1, filtered: filtered)
            progress.settled(place: "")
            filtered = 0
        }
        if filtered > 0 {
            progress.advance(through: batch.lastSequence, delivered: 0, filtered: filtered)
        }
    }

    /// A server whose counter went back gives a position twice, to two different messages. Receivers that drop repeated
    /// ids then drop the second one; nothing in the event tells that this has happened.
    private static func id(of event: Event, portal: String, sequence: UInt64) -> String {
        if event.shape == .gap { return "\(portal)-gap-\(sequence)" }
        return "\(portal)-\(event.id?.description ?? String(sequence))"
    }

    private func post(_ body: [UInt8], id: String, _ progress: DeliveryProgress) async throws(SinkError) {
        while true {
            guard let failure = await attempt(body, id: id) else {
                backoff.reset()
                progress.resumed()
                return
            }
            if Task.isCancelled { throw SinkError.stopped }
            progress.blocked(by: failure)
            try await progress.pause(backoff.next(random: clock.random()))
        }
    }

    /// Nil when the event was taken.
    private func attempt(_ body: [UInt8], id: String) async -> SinkError? {
        let timestamp = Int64(clock.time.now().wall)
        var headers = [
            (name: "content-type", value: "application/json"),
            (name: "webhook-id", value: id),
            (name: "webhook-timestamp", value: String(timestamp)),
        ]
        if let signature {
            headers.append(("webhook-signature", signature.header(id: id, timestamp: timestamp, body: body)))
        }
        let request = HTTPRequest(
            method: .post, url: url, headers: headers, body: body, timeout: timeout, maximumBodySize: 64 * 1024)
        do throws(TransportError) {
            let response = try await client.exchange(request)
            if (200..<300).contains(response.status) { return nil }
            return SinkError(
                code: .refused, message: "the webhook answered \(response.status)",
                cure: "look into its log; any 2xx takes an event")
        } catch {
            return SinkError(
                code: .unreachable, message: error.message,
                cure: error.cure.isEmpty ? "look whether the program listens there" : error.cure)
        }
    }
}
