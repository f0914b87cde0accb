import Transport

/// A request by the Standard Webhooks specification 1.0.0:
///
/// ```
/// POST /bitrix HTTP/1.1
/// content-type: application/json
/// webhook-id: acme-17000000000000000000000042     the same for every attempt; of a batch that of its first event and
///                                                 the number of events, acme-17000000000000000000000042+100
/// webhook-timestamp: 1795338000                   of this attempt
/// webhook-signature: v1,BASE64 v1,BASE64          with secrets only, one for each
/// pulld-replay: 1                                 of a replay only
///
/// {"seq":41,"portal":"acme",…}                    a batch: [{"seq":41,…},{"seq":42,…}]
/// ```
struct WebhookRequest {
    private let target: WebhookTarget
    private let id: String
    private let body: [UInt8]
    private let isReplay: Bool

    /// Of an answer, no more is read.
    private static let maximumAnswer = 64 * 1024

    /// - Parameter events: at least one; one for a target without batches.
    init(_ events: [WebhookEvent], to target: WebhookTarget, isReplay: Bool = false) {
        self.target = target
        self.isReplay = isReplay
        let first = events.first?.id ?? ""
        id = target.isBatched ? "\(first)+\(events.count)" : first
        var output = OutputBuffer(capacity: 1024)
        if target.isBatched { output.append(UInt8(ascii: "[")) }
        for event in events {
            switch target.format {
            case .json: event.source.line.append(event.index..<event.index + 1, to: &output)
            case .cloudEvents:
                CloudEvent.append(event, to: &output)
                output.append(UInt8(ascii: "\n"))
            }
            // Each ends with its only line feed.
            output.replaceLast(UInt8(ascii: ","))
        }
        if target.isBatched {
            output.replaceLast(UInt8(ascii: "]"))
            body = output.withUnsafeBytes { [UInt8]($0) }
        } else {
            body = output.withUnsafeBytes { [UInt8]($0.dropLast()) }
        }
    }

    /// - Parameter timestamp: Unix seconds of this attempt.
    func http(timestamp: Int64) -> HTTPRequest {
        var headers = [
            (name: "content-type", value: contentType),
            (name: "webhook-id", value: id),
            (name: "webhook-timestamp", value: String(timestamp)),
        ]
        if !target.signatures.isEmpty {
            let signatures = target.signatures.map { $0.header(id: id, timestamp: timestamp, body: body) }
            headers.append(("webhook-signature", signatures.joined(separator: " ")))
        }
        headers += target.headers
        if isReplay { headers.append(("pulld-replay", "1")) }
        var request = HTTPRequest(
            method: .post, url: target.url, headers: headers, body: body, timeout: target.timeout,
            maximumBodySize: Self.maximumAnswer, network: target.network)
        request.allowsHTTP2 = true
        return request
    }

    private var contentType: String {
        switch target.format {
        case .json: "application/json"
        case .cloudEvents: target.isBatched ? CloudEvent.batchContentType : CloudEvent.contentType
        }
    }
}
