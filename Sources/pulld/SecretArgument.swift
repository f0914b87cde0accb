import ArgumentParser
import Secrets
import Settings

/// Where the secret is that signs: a source, never the secret itself, which every user of the machine could see.
enum SecretArgument {
    static let help = ArgumentHelp(
        "Where the signing secret is: env:NAME, file:PATH or credential:NAME.", valueName: "source")

    static func argument(_ text: String) throws -> SecretSource {
        let parts = text.split(separator: ":", maxSplits: 1).map(String.init)
        guard parts.count == 2 else { throw refusal }
        switch parts[0] {
        case "env": return .environment(parts[1])
        case "file": return .file(parts[1])
        case "credential": return .credential(parts[1])
        default: throw refusal
        }
    }

    /// The source that an option names, else the usual variable if it is set.
    static func forwardSecret(_ argument: String?) throws -> SecretSource? {
        if let argument { return try self.argument(argument) }
        let name = Surroundings.webhookSecret
        return Surroundings.has(name) ? .environment(name) : nil
    }

    private static let refusal = ValidationError(
        """
        --secret takes a place, not the secret: arguments are visible to every user of this machine (ps). Write \
        env:NAME, file:PATH or credential:NAME; without --secret the variable \(Surroundings.webhookSecret) is used.
        """)
}

extension Surroundings {
    static func secret(of source: SecretSource, in environment: SecretEnvironment) throws -> Secret {
        do throws(SecretError) {
            return try source.resolve(environment: environment).secret
        } catch {
            throw ExitCodes.Misconfiguration(description: "\(error.message); \(error.cure)")
        }
    }
}
