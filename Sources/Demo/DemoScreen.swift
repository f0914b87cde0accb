import History
import Sandbox
import Synchronization

/// The demonstration's lines. What several threads say comes out line by line.
///
/// ```
///   3.42  event   shop/order.paid    #14  order 1042  sum 129.90 EUR
///   3.60  portal  gives both channels new ids and publishes there from now on
///   └ s   └ who   └ what
/// ```
final class DemoScreen: Sendable {
    enum Speaker: String {
        case portal
        case pulld
        case socket
        case event
    }

    private struct State {
        /// Numbers of events whose delivery is a point of the story.
        var remarks: [Int: String] = [:]
        /// The story has been told. The rest is putting away.
        var isOver = false
    }

    private let output: TextOutput
    private let isColoured: Bool
    private let start = ContinuousClock.now
    private let state = Mutex(State())

    init(descriptor: Int32, isColoured: Bool) {
        output = TextOutput(descriptor: descriptor)
        self.isColoured = isColoured
    }

    func headline(_ title: String, _ explanation: String) {
        put([(title, .bold)])
        put([(explanation, .dim)])
    }

    /// The title of a scene.
    func scene(_ title: String) {
        put([])
        put([(title, .bold)])
    }

    /// Nothing that is said from now on is part of the story.
    func end() {
        state.withLock { $0.isOver = true }
    }

    func say(_ speaker: Speaker, _ text: String, isTrouble: Bool = false) {
        if state.withLock({ $0.isOver }) { return }
        put(prefix(speaker) + [(text, isTrouble ? .yellow : .plain)])
    }

    /// The next delivery of the event with this number gets a remark.
    func remark(_ remark: String, onEvent number: Int) {
        state.withLock { $0.remarks[number] = remark }
    }

    func event(_ summary: EventSummary) {
        var parts = prefix(.event)
        parts.append((summary.name.padded(18), .green))
        let remark = summary.number.flatMap { number in state.withLock { $0.remarks[number] } }
        if let number = summary.number {
            parts.append((" #\(number)".padded(5), .dim))
        }
        var room = 28
        for (key, value) in summary.members {
            parts += [("  \(key) ", .dim), (value, .plain)]
            room -= key.count + value.count + 3
        }
        if let remark { parts.append(("".padded(room) + "  " + remark, .yellow)) }
        put(parts)
    }

    /// The last line is the result alone, for scripts to read.
    func result(_ result: DemoResult, calls: [RESTCall]) {
        let pastCache = calls.count { $0.cache == "N" }
        let share = pastCache == calls.count ? "each" : "\(pastCache) times"
        put([])
        put([("The portal was asked \(calls.count) times for its channels, \(share) past its cache (CACHE=N).", .dim)])
        put([(result.description, result.isComplete ? .good : .bad)])
    }

    // MARK: Lines

    private func prefix(_ speaker: Speaker) -> [(String, TextStyle)] {
        let style: TextStyle =
            switch speaker {
            case .portal: .magenta
            case .pulld: .cyan
            case .socket: .yellow
            case .event: .green
            }
        return [(seconds() + "  ", .dim), (speaker.rawValue.padded(6) + "  ", style)]
    }

    /// Since the start, as ` 12.34`.
    private func seconds() -> String {
        let passed = start.duration(to: .now).components
        let hundredths = passed.attoseconds / 10_000_000_000_000_000
        let whole = "\(passed.seconds)"
        let blanks = String(repeating: " ", count: max(0, 3 - whole.count))
        return blanks + whole + (hundredths < 10 ? ".0" : ".") + "\(hundredths)"
    }

    private func put(_ parts: [(text: String, style: TextStyle)]) {
        var line = StyledLine()
        for (text, style) in parts { line.add(text, style) }
        let text = line.text(isColoured: isColoured)
        // Nobody has to watch to the end.
        state.withLock { _ in try? output.write(text) }
    }
}
