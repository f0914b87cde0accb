import EndToEndSupport
import Journal
import Logging
import Secrets
import Settings
import Subscription
import Synchronization
import Testing
import Transport

@testable import Daemon

/// Portals that nobody answers for.
@Suite(.timeLimit(.minutes(1))) struct RunningPortalsTests {
    private let transport = Transport(userAgent: "test")
    private let journal: Journal
    private let readiness: Readiness
    private let portals: RunningPortals
    private let receiver: DatagramReceiver

    init() throws {
        journal = try Journal.temporary()
        let path = "@pulld-portals-\(UInt64.random(in: 1 ... .max))"
        receiver = try DatagramReceiver(path: path)
        readiness = Readiness(portals: [], notify: NotifySocket(path: path)) {}
        portals = RunningPortals(
            RunningPortals.House(
                transport: transport, journal: journal, alarms: AlarmClock(), readiness: readiness, logger: .nowhere,
                startSpread: 0, overlap: nil, onLive: { _ in })
        ) {}
    }

    private func with(_ body: () async throws -> Void) async throws {
        let run = Task { [portals] in await portals.run() }
        try await body()
        await portals.stop()
        await run.value
        await transport.shutdown()
        await journal.close()
    }

    @discardableResult
    private func change(_ names: String, token: String = "t", margin: Duration = .seconds(600)) async throws
        -> PartChanges
    {
        let settings = names.map { name in
            PortalSettings(
                name: String(name), url: "http://127.0.0.1:1",
                access: .oauth(OAuthSettings(accessToken: .environment("T\(name)"))),
                refreshMargin: name == "a" ? margin : .seconds(600))
        }
        let secrets = SecretEnvironment(
            variable: { $0 == "Ta" ? token : "t" },
            readFile: { path throws(SecretError) in
                throw SecretError(code: .missing, message: "\(path) is not there", cure: "create it")
            })
        let assembly = Assembly(settings: Settings(portals: settings, sinks: []), secrets: secrets, logger: .nowhere)
        return await portals.change(to: try assembly.plans(client: NoClient()).portals)
    }

    private var sessions: [Session] { portals.all.map(\.session) }

    @Test("A portal that is not touched keeps its session; a setting or a secret makes another one")
    func sessions() async throws {
        try await with {
            try await change("ab")
            let first = sessions
            #expect(first.count == 2)
            #expect(try await change("ab").isEmpty)
            #expect(sessions[0] === first[0] && sessions[1] === first[1])
            #expect(try await change("ab", margin: .seconds(700)).changed == ["a"])
            let second = sessions
            #expect(second[0] !== first[0] && second[1] === first[1])
            // The same settings: what the secret is has changed.
            #expect(try await change("ab", token: "other", margin: .seconds(700)).changed == ["a"])
            #expect(sessions[0] !== second[0] && sessions[1] === first[1])
            #expect(try await change("bc").removed == ["a"])
            #expect(portals.all.map(\.settings.name) == ["b", "c"])
            #expect(sessions[0] === first[1])
        }
        #expect(receiver.waiting.last == "STATUS=0 of 2 portals live")
    }

    @Test("What a session says after it has been removed changes nothing")
    func afterRemoval() async throws {
        try await with {
            try await change("ab")
            try await change("b")
            readiness.update("a", .waiting("something"))
            #expect(receiver.waiting.last?.contains("of 1 portals") == true)
        }
    }
}
