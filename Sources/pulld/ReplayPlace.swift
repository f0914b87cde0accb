import ArgumentParser
import Daemon
import Delivery
import History
import Secrets
import Settings
import Transport

/// Where a replay goes: what `--to` says.
struct ReplayPlace {
    private enum Kind {
        case output
        case sink(SinkSettings, Settings, SecretEnvironment)
        case address(WebhookAddress, [Secret], allowsRemote: Bool)
    }

    /// For people. An address may hold what is nobody's business, so it is called by its host alone.
    let name: String
    private let kind: Kind

    init(_ verb: ReplayVerb) throws {
        guard let to = verb.to else {
            (name, kind) = ("standard output", .output)
            return
        }
        guard !Self.isAddress(to) else {
            let address = try Self.check(to, allowsRemote: verb.allowRemote)
            let secret = try SecretArgument.forwardSecret(verb.secret).map {
                try Surroundings.secret(of: $0, in: verb.journal.daemon.secrets)
            }
            (name, kind) = ("the URL", .address(address, secret.map { [$0] } ?? [], allowsRemote: verb.allowRemote))
            return
        }
        guard let (settings, path) = try verb.journal.settings() else {
            throw ExitCodes.Misconfiguration(
                description: "the sink \(to) is looked for in the daemon's configuration file: name it with --config")
        }
        guard let sink = settings.sinks.first(where: { $0.name == to }) else {
            let names = settings.sinks.map(\.name).joined(separator: ", ")
            throw ExitCodes.Misconfiguration(description: "\(path) has no sink \(to); it has \(names)")
        }
        if case .file = sink.kind {
            throw ExitCodes.Misconfiguration(
                description: "\(to) is a file, which is the daemon's alone; redirect: pulld replay … > FILE")
        }
        (name, kind) = ("the sink \(to)", .sink(sink, settings, verb.journal.daemon.secrets))
    }

    /// Names of sinks have no colon.
    static func isAddress(_ text: String) -> Bool { text.contains(":") || text.contains("/") }

    static func check(_ text: String, allowsRemote: Bool) throws -> WebhookAddress {
        do throws(AddressFault) {
            return try WebhookAddress.check(text, allowsRemote: allowsRemote)
        } catch .otherMachine {
            throw ValidationError("--to is on another machine; if that is meant, say --allow-remote.")
        } catch .userInfo {
            throw ValidationError(
                """
                --to holds a user or password, and arguments are visible to every user of this machine (ps): make it a \
                sink of the configuration file, with the secret in headers: { authorization: … }.
                """)
        } catch .reservedAddress {
            throw ValidationError("--to is an address that no program is at: link-local, metadata, multicast or none.")
        } catch {
            throw ValidationError(
                "--to is no sink's name and no address; write it as http://localhost:3000/hook or unix:/run/app.sock.")
        }
    }

    /// What the sink gets at all.
    var filter: EventFilter? {
        guard case .sink(let sink, _, _) = kind else { return nil }
        return EventFilter(portals: sink.portals, include: sink.include, exclude: sink.exclude)
    }

    /// Events are lines on standard output.
    var printsEvents: Bool {
        switch kind {
        case .output: true
        case .sink(let sink, _, _): sink.kind == .standardOutput
        case .address: false
        }
    }

    func target(client: any HTTPClient) throws -> any ReplayTarget {
        switch kind {
        case .output: return LineTarget()
        case .sink(let sink, _, _) where sink.kind == .standardOutput: return LineTarget()
        case .sink(let sink, let settings, let secrets):
            return try Daemon.webhookPoster(
                named: sink.name, settings: settings, secrets: secrets, client: client)
        case .address(let address, let secrets, let allowsRemote):
            let place: WebhookTarget.Place =
                switch address {
                case .url(let url): .url(Secret(url), allowsRemote ? .remote : .loopback)
                case .unix(let socket, let path): .unix(socket: socket, path: path)
                }
            return WebhookPoster(target: WebhookTarget(place: place, secrets: secrets), client: client)
        }
    }
}

extension RateLimit {
    static func argument(_ text: String) throws -> RateLimit {
        guard let value = RateLimit(text) else { throw ValidationError("\(cure).") }
        return value
    }
}
