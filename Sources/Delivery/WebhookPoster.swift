public import Events
public import Transport

/// Sends one request and judges its answer. Nothing is repeated here.
public struct WebhookPoster: Sendable {
    public let target: WebhookTarget
    private let client: any HTTPClient
    private let clock: DeliveryClock

    public init(target: WebhookTarget, client: any HTTPClient, clock: DeliveryClock = .system) {
        self.target = target
        self.client = client
        self.clock = clock
    }

    /// Sends one event of a batch, which must have its numbers.
    ///
    /// - Parameters:
    ///   - index: of the event in `batch.events`.
    ///   - isReplay: it has been sent before, and somebody wants it again.
    public func post(batch: EventBatch, index: Int, isReplay: Bool) async -> WebhookAnswer {
        precondition(batch.events.indices.contains(index))
        return await post([WebhookEvent(source: WebhookBatch(batch), index: index)], isReplay: isReplay)
    }

    func post(_ events: [WebhookEvent], isReplay: Bool = false) async -> WebhookAnswer {
        let begin = clock.time.now()
        let request = WebhookRequest(events, to: target, isReplay: isReplay).http(timestamp: Int64(begin.wall))
        do throws(TransportError) {
            let response = try await client.exchange(request)
            let end = clock.time.now()
            return WebhookAnswer(
                status: response.status, verdict: WebhookVerdict(response, now: end.wall),
                duration: end.monotonic - begin.monotonic)
        } catch {
            return WebhookAnswer(
                status: error.stage == .http ? error.status : nil,
                verdict: WebhookVerdict(error, timeout: target.timeout),
                duration: clock.time.now().monotonic - begin.monotonic)
        }
    }
}

/// What came of a request.
public struct WebhookAnswer: Hashable, Sendable {
    /// Nil when there was none.
    public var status: Int?
    public var verdict: WebhookVerdict
    /// From the start of the request to the end of the answer.
    public var duration: Duration

    public init(status: Int?, verdict: WebhookVerdict, duration: Duration) {
        self.status = status
        self.verdict = verdict
        self.duration = duration
    }

    /// For people, in few words: `200 OK`, `500 Internal Server Error`, `no answer within 30 s`.
    public var text: String {
        if let status { return HTTPStatus.text(status) }
        switch verdict {
        case .taken: return "taken"
        case .targetDown(let fault, _), .unwanted(let fault): return fault.message
        case .failed(let reason): return reason
        }
    }
}

/// One request of a sink, for whoever looks on.
public struct WebhookAttempt: Hashable, Sendable {
    /// Of the first event.
    public var sequence: UInt64
    public var portal: String
    /// `module/command` of the first event as its sender wrote it: not safe for a terminal. `gap` of a gap record, empty
    /// of a body without names.
    public var name: String
    /// Events in the request.
    public var count: Int
    /// From 1: how often these events have been sent, this time included.
    public var number: Int
    public var answer: WebhookAnswer

    public init(
        sequence: UInt64, portal: String, name: String, count: Int, number: Int, answer: WebhookAnswer
    ) {
        self.sequence = sequence
        self.portal = portal
        self.name = name
        self.count = count
        self.number = number
        self.answer = answer
    }
}
