import Glibc
import Secrets
import Settings

/// Where verbs without a configuration file have their secrets from: the environment, which only the process' own user
/// can read. Arguments are visible to all.
enum Surroundings {
    static let accessToken = "PULLD_ACCESS_TOKEN"
    static let webhook = "PULLD_WEBHOOK"
    static let webhookSecret = "PULLD_WEBHOOK_SECRET"

    /// Set, if only to nothing: an empty secret is then complained of, not passed over.
    static func has(_ name: String) -> Bool {
        getenv(name) != nil
    }

    static func secret(_ name: String) throws -> Secret {
        do throws(SecretError) {
            return try SecretSource.environment(name).resolve(environment: .process).secret
        } catch {
            throw ExitCodes.Misconfiguration(description: "\(error.message); \(cure(for: name))")
        }
    }

    static func cure(for name: String) -> String {
        switch name {
        case accessToken: "put an access token of your application there: export \(name)=…"
        case webhook: "put the address of an incoming webhook there: export \(name)=https://PORTAL/rest/USER/CODE/"
        default: "put the secret there: export \(name)=…"
        }
    }
}
