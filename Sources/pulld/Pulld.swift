import ArgumentParser
import Daemon

/// The program: one verb, one file. A verb parses arguments and calls one function.
@main
struct Pulld: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pulld",
        abstract: "Brings a Bitrix24 portal's real-time events to this machine.",
        discussion: """
            Examples:
              pulld demo
              PULLD_ACCESS_TOKEN=… pulld listen https://acme.bitrix24.com
              pulld run --config /etc/pulld/pulld.yaml
            """,
        version: Product.version,
        subcommands: [
            DemoVerb.self, Listen.self, Run.self, CheckVerb.self, Login.self, StatusVerb.self, TailVerb.self,
            ReplayVerb.self, DeadVerb.self, Publish.self, SandboxVerb.self,
        ])
}
