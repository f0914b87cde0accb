import JSONText
import Synchronization
import Timing

/// When a portal gives each method its run time back, as its good answers have said: `time.operating_reset_at`, measured
/// by the portal's own clock.
final class OperatingTimes: Sendable {
    /// By method, on the monotonic clock.
    private let resets = Mutex<[String: Duration]>([:])

    func note(_ answer: JSONValue, of method: String, at now: Moment) {
        guard let reset = Self.seconds(answer["time"]?["operating_reset_at"]),
            let finish = Self.seconds(answer["time"]?["finish"]), 0...86_400 ~= reset - finish
        else { return }
        resets.withLock { $0[method] = now.monotonic + .seconds(reset - finish) }
    }

    /// Seconds until then; nil: not known, or already past.
    func wait(for method: String, at now: Moment) -> Double? {
        resets.withLock { $0[method] }.map { ($0 - now.monotonic).inSeconds }.flatMap { $0 > 0 ? $0 : nil }
    }

    private static func seconds(_ value: JSONValue?) -> Double? {
        switch value {
        case .number(let text), .string(let text): Double(text).flatMap { $0.isFinite ? $0 : nil }
        default: nil
        }
    }
}
