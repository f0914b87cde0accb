public import Delivery
public import Events

extension WebhookPoster: ReplayTarget {
    public func send(_ index: Int, of batch: EventBatch) async -> ReplayVerdict {
        switch await post(batch: batch, index: index, isReplay: true).verdict {
        case .taken: .taken
        case .failed(let reason): .refused(reason: reason)
        case .targetDown(let error, let retryAfter): .unavailable(reason: error.message, retryAfter: retryAfter)
        case .unwanted(let error): .gone(reason: error.message)
        }
    }
}
