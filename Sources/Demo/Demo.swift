import Daemon
import Events
import Logging
import Sandbox
import Settings

/// How the demonstration is played.
public struct DemoOptions: Sendable {
    /// With fewer there is too little for every scene.
    public static let eventRange = 20...100_000
    public static let rateRange = 0.5...10_000.0

    /// Events to publish, within `eventRange`.
    public var events = 40
    /// Events a second, within `rateRange`.
    public var rate = 3.0
    /// Decides what the invented orders, deals, tasks and messages say.
    public var seed: UInt64 = 24
    public var isColoured = false

    public init() {}
}

/// Why a demonstration could not be played to its end.
public struct DemoFailure: Error, Sendable, CustomStringConvertible {
    public let description: String

    init(_ description: String) { self.description = description }
}

/// A portal in a box and the daemon as its subscriber, in one process, over real sockets of this machine: events come
/// in, the portal replaces its channels, a connection breaks, and in the end both sides' books are compared.
///
/// ```
///  DemoStory ──► Sandbox ══ HTTP, WebSocket ══► Daemon ──► DemoSink ──► DemoScreen
///                   │ ledger                      │ log ──► DemoLog ──────┘
///                   └───────────► DemoResult ◄────┘
/// ```
public struct Demo: Sendable {
    /// How long old and new connection stand side by side at a change of channels; in earnest it is two minutes.
    private static let overlap = Duration.seconds(1)

    private let options: DemoOptions
    private let screen: DemoScreen

    /// - Parameter descriptor: where the lines go; standard output.
    public init(_ options: DemoOptions = DemoOptions(), descriptor: Int32 = 1) {
        self.options = options
        screen = DemoScreen(descriptor: descriptor, isColoured: options.isColoured)
    }

    /// Plays it and returns what the comparison said. That is the last line on the screen, too.
    ///
    /// - Throws: `DemoFailure` or `StartFailure` when there was nothing to compare.
    public func run() async throws -> DemoResult {
        var box = SandboxOptions()
        // The usual 0.4 s would show most events in pairs.
        box.flushWindow = 0.1
        let sandbox = Sandbox(box)
        return try await withThrowingTaskGroup(of: DemoResult?.self) { group in
            group.addTask {
                do { try await sandbox.run() } catch {
                    throw DemoFailure("the portal in a box cannot listen: \(error)")
                }
                return nil
            }
            group.addTask { try await perform(with: sandbox) }
            defer { group.cancelAll() }
            guard let result = try await group.next() ?? nil else {
                throw DemoFailure("the portal in a box has ended")
            }
            return result
        }
    }

    private func perform(with sandbox: Sandbox) async throws -> DemoResult {
        let port = try await sandbox.waitUntilListening()
        screen.headline(
            "pulld demo: a Bitrix24 portal in a box, pulld as its subscriber, real sockets",
            "An event line is what pulld received and would hand to your file or webhook.")
        let sink = DemoSink(screen: screen)
        let daemon = try daemon(of: sandbox, port: port, sink: sink)
        let story = DemoStory(options: options, sandbox: sandbox, screen: screen, sink: sink)
        let published = try await withThrowingTaskGroup(of: Set<MessageID>?.self) { group in
            group.addTask {
                try await daemon.run()
                return nil
            }
            group.addTask { try await story.play(port: port) }
            defer { group.cancelAll() }
            guard let published = try await group.next() ?? nil else {
                throw DemoFailure("the daemon has ended")
            }
            return published
        }
        // The ledger also holds what the portal itself tells its subscribers.
        let ledger = sandbox.ledger.filter { published.contains($0.id) }
        let result = DemoResult(
            published: Set(ledger.map { EventFingerprint(id: $0.id, bodyHash: $0.bodyHash) }), received: sink.received)
        screen.result(result, calls: sandbox.calls)
        return result
    }

    private func daemon(of sandbox: Sandbox, port: UInt16, sink: DemoSink) throws -> Daemon {
        guard let token = sandbox.credentials.first?.accessToken else {
            throw DemoFailure("the portal in a box has no user")
        }
        let variable = "DEMO_ACCESS_TOKEN"
        let portal = PortalSettings(
            name: "demo", url: "http://127.0.0.1:\(port)",
            access: .oauth(OAuthSettings(accessToken: .environment(variable))))
        var surroundings = Daemon.Surroundings()
        surroundings.secrets.variable = { $0 == variable ? token : nil }
        surroundings.notifyPath = nil
        surroundings.keepsState = false
        surroundings.sinks = [("demo", sink)]
        surroundings.overlap = Self.overlap
        surroundings.handlesSignals = false
        let logger = Logger(label: "demo") { [screen] _ in DemoLog(screen: screen) }
        return Daemon(
            settings: Settings(portals: [portal], sinks: []), surroundings: surroundings, logger: logger)
    }
}
