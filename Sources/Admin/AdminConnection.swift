import Addresses

/// One connection to the admin endpoint: a request, its answer, the end. Pure: whoever holds the socket does what it says.
///
/// ```
///  reading ──► asking ──► writing ──► lingering ──► over
///     └── refused ──────────▲            └ until the client closes: what it still sends must not reset the
///                                          connection before it has read the answer (RFC 9112, section 9.6)
/// ```
struct AdminConnection {
    enum Phase {
        case reading, asking, writing, lingering, over
    }

    /// How long each part may take.
    struct Limits: Sendable {
        var request = Duration.seconds(5)
        var answer = Duration.seconds(5)
        var writing = Duration.seconds(5)
        var lingering = Duration.seconds(1)
    }

    private(set) var phase = Phase.reading
    private(set) var deadline: Duration
    /// Not yet sent.
    private(set) var output: ArraySlice<UInt8> = []
    private var input: [UInt8] = []
    private var isHead = false
    private let limits: Limits
    /// Names are looked at.
    private let isTCP: Bool

    init(at now: Duration, isTCP: Bool, limits: Limits) {
        self.isTCP = isTCP
        self.limits = limits
        deadline = now + limits.request
    }

    /// The path to be answered, once the request is whole. No bytes: the client sends no more.
    mutating func received(_ bytes: ArraySlice<UInt8>, at now: Duration, wall: Double) -> String? {
        guard case .reading = phase else {
            if bytes.isEmpty { phase = .over }
            return nil
        }
        if bytes.isEmpty {
            phase = .over
            return nil
        }
        input += bytes
        do throws(AdminRefusal) {
            guard let request = try AdminRequest.parse(input) else { return nil }
            if isTCP, let host = request.host, !Self.isOwn(host) { throw .host }
            input = []
            isHead = request.isHead
            phase = .asking
            deadline = now + limits.answer
            return request.path
        } catch {
            answer(error.answer, at: now, wall: wall)
            return nil
        }
    }

    private static func isOwn(_ host: String) -> Bool {
        if host.hasPrefix("[") { return isLoopback(host: String(host.prefix { $0 != "]" } + "]")) }
        return isLoopback(host: String(host.prefix { $0 != ":" }))
    }

    mutating func answer(_ answer: AdminAnswer, at now: Duration, wall: Double) {
        switch phase {
        case .reading, .asking:
            input = []
            output = answer.bytes(isHead: isHead, now: wall)[...]
            phase = .writing
            deadline = now + limits.writing
        case .writing, .lingering, .over: break
        }
    }

    mutating func sent(_ count: Int, at now: Duration) {
        output = output.dropFirst(count)
        guard output.isEmpty, case .writing = phase else { return }
        phase = .lingering
        deadline = now + limits.lingering
    }

    /// The peer is gone.
    mutating func broke() { phase = .over }

    mutating func expire(at now: Duration, wall: Double) {
        guard deadline <= now else { return }
        switch phase {
        case .reading: answer(AdminRefusal.slow.answer, at: now, wall: wall)
        case .asking: answer(AdminRefusal.stuck.answer, at: now, wall: wall)
        case .writing, .lingering, .over: phase = .over
        }
    }
}
