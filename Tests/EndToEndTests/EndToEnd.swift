import EndToEndSupport
import Foundation
import Testing

/// The whole program from outside: the built binary against a portal in a box, each in a process of its own.
///
/// One after the other, files in the order of their names: most load the machine, and the last one searches what all of
/// them have made the program say.
@Suite(.serialized) struct EndToEnd {}

/// How long the tests are: short by default, the full figures with `PULLD_ACCEPTANCE=1`.
enum Extent {
    static let isFull = ProcessInfo.processInfo.environment["PULLD_ACCEPTANCE"] == "1"

    static func of<Value>(short: Value, full: Value) -> Value { isFull ? full : short }
}

/// A line for whoever wants to know how well it went, not only that it did.
func figure(_ text: String) {
    print("figure: \(text)")
}

extension Duration {
    var inSeconds: Double { self / .seconds(1) }
    /// With two digits.
    var text: String { String(format: "%.2f s", inSeconds) }
}

/// Work that several tests look at, done once, when the first of them asks. Its parts run at the same time, since they
/// spend it waiting.
final class Together<Part: Hashable & Sendable, Outcome: Sendable>: Sendable {
    private let task: Task<[Part: Result<Outcome, any Error>], Never>

    init(_ parts: [Part], _ work: @escaping @Sendable (Part) async throws -> Outcome) {
        task = Task {
            await withTaskGroup(of: (Part, Result<Outcome, any Error>).self) { group in
                for part in parts {
                    group.addTask {
                        do { return (part, .success(try await work(part))) } catch { return (part, .failure(error)) }
                    }
                }
                var outcomes: [Part: Result<Outcome, any Error>] = [:]
                for await (part, outcome) in group { outcomes[part] = outcome }
                return outcomes
            }
        }
    }

    func outcome(of part: Part) async throws -> Outcome {
        let outcomes = await task.value
        return try #require(outcomes[part], "a part that was not run").get()
    }
}
