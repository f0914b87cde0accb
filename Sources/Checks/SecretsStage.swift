import Secrets
import Settings

/// Reads the secrets of a portal or a sink, and tells of each that is not there.
struct SecretsStage {
    let environment: SecretEnvironment
    private(set) var findings: [Finding] = []
    private var count = 0
    private let watch = Stopwatch()

    init(environment: SecretEnvironment) {
        self.environment = environment
    }

    /// Nil when it cannot be had.
    ///
    /// - Parameter key: of the settings, below the portal or the sink.
    @discardableResult
    mutating func read(_ source: SecretSource, _ key: String) -> Secret? {
        do throws(SecretError) {
            let resolved = try source.resolve(environment: environment)
            count += 1
            if let warning = resolved.warning {
                findings.append(.warning(.secrets, "\(key): \(warning)", cure: "chmod 600 the file"))
            }
            return resolved.secret
        } catch {
            findings.append(.failed(.secrets, .configuration, "\(key): \(error.message)", cure: error.cure))
            return nil
        }
    }

    var hasFailed: Bool { findings.contains(where: \.hasFailed) }

    /// Faults and warnings; without any, what was read.
    var result: [Finding] {
        findings.isEmpty ? [.ok(.secrets, count == 1 ? "1 read" : "\(count) read", took: watch.elapsed)] : findings
    }
}
