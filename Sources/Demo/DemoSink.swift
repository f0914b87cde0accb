import Delivery
import Events
import History
import Secrets
import Synchronization

/// The end of the daemon's way: shows each event and keeps what the comparison needs.
final class DemoSink: Sink {
    let executor: (any TaskExecutor)? = nil
    private let screen: DemoScreen
    private let state = Mutex<(received: [EventFingerprint], ids: Set<MessageID>)>(([], []))

    init(screen: DemoScreen) {
        self.screen = screen
    }

    /// In the order of their delivery.
    var received: [EventFingerprint] { state.withLock { $0.received } }

    func hasReceived(_ ids: Set<MessageID>) -> Bool {
        state.withLock { ids.isSubset(of: $0.ids) }
    }

    func deliver(
        _ batches: [EventBatch], filter: EventFilter, progress: DeliveryProgress
    ) async throws(SinkError) {
        for batch in batches where !batch.events.isEmpty {
            batch.bytes.withUnsafeBytes { bytes in
                for event in batch.events { take(event, in: bytes) }
            }
            let last = batch.firstSequence + UInt64(batch.events.count) - 1
            progress.advance(through: last, delivered: batch.events.count, filtered: 0)
        }
    }

    /// Shown before it is counted: once everything has been counted the screen is complete.
    private func take(_ event: Event, in bytes: UnsafeRawBufferPointer) {
        screen.event(EventSummary(event, in: bytes, numberKey: "n"))
        let body = UnsafeRawBufferPointer(rebasing: bytes[event.body.range])
        let fingerprint = EventFingerprint(id: event.id, bodyHash: Digest.hex(Digest.sha256(body)))
        state.withLock { state in
            state.received.append(fingerprint)
            if let id = fingerprint.id { state.ids.insert(id) }
        }
    }
}
