import Events
import JSONText

/// A batch on its way to a webhook, with what all its lines share.
final class WebhookBatch: Sendable {
    let batch: EventBatch
    let line: EventLine

    init(_ batch: EventBatch) {
        self.batch = batch
        line = EventLine(batch)
    }
}

/// One event of a batch.
struct WebhookEvent: Sendable {
    let source: WebhookBatch
    let index: Int

    var sequence: UInt64 { source.batch.firstSequence &+ UInt64(index) }
    var portal: String { source.batch.portal }

    /// `module/command`, escapes resolved; `gap` of a gap record, empty of a body without names.
    var name: String {
        let batch = source.batch
        let event = batch.events[index]
        switch event.shape {
        case .gap: return "gap"
        case .json, .raw: return ""
        case .object:
            return batch.bytes.withUnsafeBytes { bytes in
                [event.module, event.command]
                    .map { JSONEscape.text(of: UnsafeRawBufferPointer(rebasing: bytes[batch.part($0)])) }
                    .joined(separator: "/")
            }
        }
    }

    /// The `webhook-id`: the same for every attempt, over restarts too. `acme-POSITION`; of a gap record
    /// `acme-gap-SEQ`, of an event without position `acme-SEQ`.
    ///
    /// A server whose counter went back gives a position twice, to two different messages. Receivers that drop repeated
    /// ids then drop the second one; nothing in the event tells that this has happened.
    var id: String {
        let event = source.batch.events[index]
        if event.shape == .gap { return "\(portal)-gap-\(sequence)" }
        return "\(portal)-\(event.id?.description ?? String(sequence))"
    }
}

extension EventBatch {
    /// Empty when it does not lie within the bytes.
    func part(_ range: ByteRange) -> Range<Int> {
        range.start <= range.end && Int(range.end) <= bytes.count ? range.range : 0..<0
    }
}
