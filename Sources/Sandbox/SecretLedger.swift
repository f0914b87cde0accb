import Synchronization

/// Everything confidential that the portal in a box has ever given out, for tests that look for leaks.
final class SecretLedger: Sendable {
    private let known = Mutex<(order: [String], all: Set<String>)>(([], []))

    func add(_ secrets: String?...) {
        known.withLock { known in
            for case let secret? in secrets where !secret.isEmpty && known.all.insert(secret).inserted {
                known.order.append(secret)
            }
        }
    }

    /// In the order in which they were issued.
    var issued: [String] { known.withLock { $0.order } }
}
