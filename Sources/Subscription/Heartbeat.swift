import Events
import JSONText
import Timing

/// Test events that a session sends to itself through the portal: the whole way, from the request to the portal to the
/// event's arrival, is proven and timed by each that comes back. Pure: it holds no clock and no socket.
///
/// ```
///  tick ──► send ──► returned in time ──► the next, an interval later
///                └─► refused, or not back within the limit: lost
/// ```
struct Heartbeat: Sendable {
    /// Of the events; the module is the portal's own for applications.
    static let module = "application"
    static let command = "pulld.heartbeat"
    /// How soon it is looked again whether one can come back: a first proof must not wait for a whole interval because the
    /// subscription was a moment late.
    static let patience = Duration.seconds(10)

    enum Note: Hashable, Sendable {
        case sent
        case returned(roundTrip: Duration)
        case lost
    }

    private struct UnderWay {
        var number: UInt64
        var sentAt: Duration
    }

    let interval: Duration
    private var underWay: UnderWay?
    private var due: Duration

    /// What is not back by then is lost.
    private var limit: Duration { min(interval, .seconds(60)) }

    /// - Parameter random: between 0 and 1: many sessions do not begin in the same moment.
    init(interval: Duration, now: Duration, random: Double) {
        self.interval = interval
        due = now + min(interval, .seconds(60)) * random
    }

    /// When `tick` has something to do at the latest.
    var deadline: Duration { underWay.map { min(due, $0.sentAt + limit) } ?? due }

    /// - Parameters:
    ///   - isLive: whether events can come back: without a subscription nothing is sent.
    ///   - number: a random one, for the heartbeat that is sent now if one is due.
    /// - Returns: what is lost, and whether to send.
    mutating func tick(now: Duration, isLive: Bool, number: UInt64, random: Double) -> (notes: [Note], sends: Bool) {
        var notes: [Note] = []
        if let sent = underWay, now - sent.sentAt >= limit {
            underWay = nil
            notes.append(.lost)
        }
        guard due <= now else { return (notes, false) }
        // A tenth of jitter, so that sessions that fell into step do not stay in it.
        due = now + (isLive ? interval : min(interval, Self.patience)) * (0.9 + 0.2 * random)
        guard isLive, underWay == nil else { return (notes, false) }
        underWay = UnderWay(number: number, sentAt: now)
        notes.append(.sent)
        return (notes, true)
    }

    /// The portal did not take it.
    mutating func refused(_ number: UInt64) -> Note? {
        guard underWay?.number == number else { return nil }
        underWay = nil
        return .lost
    }

    /// One has arrived: this session's own, or one of another subscriber to the same channel or of an earlier run.
    mutating func arrived(_ number: UInt64, at now: Duration) -> Note? {
        guard let sent = underWay, sent.number == number else { return nil }
        underWay = nil
        return .returned(roundTrip: max(.zero, now - sent.sentAt))
    }

    // MARK: the event

    /// `{"number":"00f3…"}`: a string, since portals read large numbers as fractions.
    static func params(_ number: UInt64) -> JSONValue {
        let digits = String(number, radix: 16)
        return .object([("number", .string(String(repeating: "0", count: 16 - digits.count) + digits))])
    }

    /// The number of an event that is a heartbeat; nil for all others.
    static func number(of event: Event, in bytes: UnsafeRawBufferPointer) -> UInt64? {
        guard event.command.count == command.utf8.count, bytes[event.command.range].elementsEqual(command.utf8),
            bytes[event.module.range].elementsEqual(module.utf8), event.params.count <= 256,
            let params = JSONValue.parse(UnsafeRawBufferPointer(rebasing: bytes[event.params.range])),
            let digits = params["number"]?.string, digits.utf8.count == 16,
            digits.utf8.allSatisfy({ "0123456789abcdef".utf8.contains($0) })
        else { return nil }
        return UInt64(digits, radix: 16)
    }
}
