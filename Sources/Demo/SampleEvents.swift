import JSONText
import Sandbox

/// Invents events as a shop, a sales team, a task board and a chat send them.
struct SampleEvents {
    struct Sample {
        var module: String
        var command: String
        var params: JSONValue
        var target: SandboxTarget
    }

    private var random: SplitMix
    private var order = 1_040
    private var task = 310

    init(seed: UInt64) {
        random = SplitMix(state: seed)
    }

    /// The event with this running number, which its params hold as `n`. Most go to one of the two channels; some go to
    /// both at once, of which a subscriber gets two copies with one id.
    mutating func next(_ number: Int) -> Sample {
        let target: SandboxTarget =
            switch number % 7 {
            case 0: .doubled()
            case 1, 3, 5: .private()
            default: .shared
            }
        var sample: Sample
        switch Int.random(in: 0..<10, using: &random) {
        case 0...2: sample = orderPaid(target)
        case 3...5: sample = dealUpdated(target)
        case 6...7: sample = taskCreated(target)
        default: sample = chatMessage(target)
        }
        let number = (key: "n", value: JSONValue.number("\(number)"))
        sample.params = .object([number] + (sample.params.object ?? []))
        return sample
    }

    private mutating func orderPaid(_ target: SandboxTarget) -> Sample {
        order += Int.random(in: 1...3, using: &random)
        let cents = Int.random(in: 10...99, using: &random)
        let sum = "\(Int.random(in: 9...990, using: &random)).\(cents) EUR"
        return Sample(
            module: "shop", command: "order.paid",
            params: .object([
                ("order", number(order)), ("sum", .string(sum)),
            ]),
            target: target)
    }

    private mutating func dealUpdated(_ target: SandboxTarget) -> Sample {
        let deal = Int.random(in: 200...260, using: &random)
        let stage = pick(["NEW", "OFFER", "INVOICE", "WON"])
        return Sample(
            module: "crm", command: "deal.updated",
            params: .object([("deal", number(deal)), ("stage", stage)]), target: target)
    }

    private mutating func taskCreated(_ target: SandboxTarget) -> Sample {
        task += 1
        let title = pick(["Call back", "Check tax", "Send offer", "Pack order"])
        return Sample(
            module: "tasks", command: "task.created",
            params: .object([("task", number(task)), ("title", title)]), target: target)
    }

    private mutating func chatMessage(_ target: SandboxTarget) -> Sample {
        let text = pick(["On my way", "Well done!", "Lunch?", "Who is in?"])
        return Sample(
            module: "im", command: "chat.message",
            params: .object([("from", pick(Self.people)), ("text", text)]), target: target)
    }

    private static let people = ["Noor", "Ines", "Pavel", "Aigul", "Marta"]

    private func number(_ value: Int) -> JSONValue { .number("\(value)") }

    private mutating func pick(_ texts: [String]) -> JSONValue {
        .string(texts[Int.random(in: 0..<texts.count, using: &random)])
    }
}

/// SplitMix64 (Steele, Lea, Flood 2014): the same events for the same seed.
private struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
