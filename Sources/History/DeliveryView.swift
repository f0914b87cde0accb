public import Delivery

/// Requests of a webhook as lines for people, as they come:
///
/// ```
/// 14:03:12.345  200     12 ms  #41  crm/deal.updated
/// 14:03:13.001  500      8 ms  #42  shop/order.paid  attempt 2: 500 Internal Server Error
/// 14:03:14.120  ---      0 ms  #43  im/chat  127.0.0.1 port 3000: connection refused
/// └ local time  └ status       └ number
/// ```
public struct DeliveryView: Sendable {
    private let isColoured: Bool
    private let time: LocalTime

    public init(isColoured: Bool, time: LocalTime = .system) {
        self.isColoured = isColoured
        self.time = time
    }

    /// - Parameter now: microseconds since 1970.
    public func text(_ attempt: WebhookAttempt, now: Int64) -> String {
        let answer = attempt.answer
        let (style, reason): (TextStyle, String?) =
            switch answer.verdict {
            case .taken: (.good, nil)
            case .failed(let reason): (.bad, reason)
            case .targetDown(let error, _): (.bad, error.message)
            case .unwanted(let error): (.bad, error.message)
            }
        var line = StyledLine()
        line.add(time.clock(now) + "  ", .dim)
        line.add(answer.status.map { "\($0)" } ?? "---", style)
        line.add("\(Int((answer.duration / .milliseconds(1)).rounded())) ms".aligned(9) + "  ", .dim)
        line.add("#\(attempt.sequence)".padded(4) + "  ", .dim)
        line.add(attempt.name.isEmpty ? "(no command)" : PrintableText.of(attempt.name), .green)
        if attempt.count > 1 { line.add("  and \(attempt.count - 1) more") }
        var remark = attempt.number > 1 ? "attempt \(attempt.number)" : ""
        if let reason { remark += (remark.isEmpty ? "" : ": ") + PrintableText.of(reason) }
        if !remark.isEmpty { line.add("  " + remark, .yellow) }
        return line.text(isColoured: isColoured)
    }
}
