import CCurl

/// The HTTP requests under way. Confined to the loop's thread.
final class Exchanges {
    /// Connections kept open for further exchanges, beside those in use.
    private static let idleConnections = 32

    /// A libcurl multi handle of their own, so that the idle connections kept for HTTP are counted against exchanges
    /// alone.
    let multi: CurlMulti
    private var byHandle: [UnsafeMutableRawPointer: Exchange] = [:]
    /// Those too whose end is not known yet to who was given a piece.
    private var byIdentity: [UInt64: Exchange] = [:]
    /// Whose answers are coming in pieces: their time limit is not libcurl's any more.
    private var timed: Set<UInt64> = []

    init(loop: LoopThread) {
        multi = CurlMulti(loop: loop)
    }

    func begin(_ exchange: Exchange) {
        byHandle[exchange.easy.handle] = exchange
        byIdentity[exchange.identity] = exchange
        multi.limitConnections(byHandle.count + Self.idleConnections)
        multi.add(exchange.easy)
    }

    /// What was given last has been taken, but for `rest`.
    func goOn(_ identity: UInt64, with rest: [UInt8], _ waiter: CheckedContinuation<Exchange.Step, Never>) {
        guard let exchange = byIdentity[identity] else { return waiter.resume(returning: .ended(.failure(.cancelled))) }
        if exchange.isAwaited { byIdentity[identity] = nil }
        exchange.goOn(with: rest, waiter)
        // libcurl 7.88 does not always ask to be called after a pause, and then the rest would wait for any other timer.
        multi.fireTimerSoon()
    }

    func answerBegins(_ identity: UInt64) { timed.insert(identity) }

    func cancel(_ identity: UInt64) {
        guard let exchange = byIdentity[identity], !exchange.isAwaited else { return }
        remove(exchange)
        exchange.cancel()
        if !exchange.isAwaited { byIdentity[identity] = nil }
    }

    func cancelAll() {
        for identity in Array(byIdentity.keys) { cancel(identity) }
    }

    /// Those that libcurl is done with.
    func endDone() {
        while let (handle, result) = multi.nextEnded() {
            if let exchange = byHandle[handle] { end(exchange, result) }
        }
    }

    private func end(_ exchange: Exchange, _ result: CURLcode) {
        remove(exchange)
        exchange.end(result)
        if !exchange.isAwaited { byIdentity[exchange.identity] = nil }
    }

    private func remove(_ exchange: Exchange) {
        byHandle[exchange.easy.handle] = nil
        timed.remove(exchange.identity)
        multi.limitConnections(byHandle.count + Self.idleConnections)
        multi.remove(exchange.easy)
    }

    // MARK: Silence

    /// Someone has to call `expire` now and then.
    var areTimed: Bool { !timed.isEmpty }

    func expire(now: Int64) {
        for identity in timed {
            if let exchange = byIdentity[identity], exchange.isSilent(at: now) {
                end(exchange, CURLE_OPERATION_TIMEDOUT)
            }
        }
    }
}
