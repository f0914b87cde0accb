import ArgumentParser
import Daemon

/// The program: one verb, one file. A verb parses arguments and calls one function.
@main
struct Pulld: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pulld",
        abstract: "Brings a Bitrix24 portal's real-time events to this machine.",
        version: Product.version,
        subcommands: [Run.self, SandboxVerb.self])
}
