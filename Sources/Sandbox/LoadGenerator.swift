import JSONText
import Synchronization

/// What a run of the load generator publishes.
public struct SandboxLoad: Sendable {
    /// Where its events go.
    public enum Channel: String, Sendable {
        case shared
        case `private`
        /// In turn to the private and to the shared channel.
        case both
        /// Each event to both channels at once: a subscriber of both gets it twice under one id.
        case doubled
    }

    public var count: Int
    /// Events a second; 0: as fast as it goes.
    public var rate: Double
    /// Bytes of a body, at least.
    public var size: Int
    public var channel: Channel
    /// Whose private channel. Nil: everybody's, in turn.
    public var user: Int?

    public init(count: Int, rate: Double, size: Int = 400, channel: Channel = .private, user: Int? = 1) {
        self.count = count
        self.rate = rate
        self.size = size
        self.channel = channel
        self.user = user
    }
}

/// How far a run is.
public struct LoadProgress: Sendable {
    /// Of the current or last run.
    public var published = 0
    public var total = 0
    /// The running number of the last event; it goes on over all runs. The first is 1.
    public var lastNumber = 0
    /// Number of the run.
    var run = 0
    public var isDone: Bool { published == total }
}

/// Publishes numbered events on an exact schedule: event i of a run is due i/rate after its start, however long the
/// others took.
final class LoadGenerator: Sendable {
    static let command = "sandbox.load"

    private let options: SandboxOptions
    private let events: PortalEvents
    private let hub: PushHub
    private let jobs: BackgroundJobs
    private let progress: Mutex<LoadProgress>

    /// - Parameter lastNumber: of an earlier run's events.
    init(options: SandboxOptions, events: PortalEvents, hub: PushHub, jobs: BackgroundJobs, lastNumber: Int = 0) {
        progress = Mutex(LoadProgress(lastNumber: lastNumber))
        self.options = options
        self.events = events
        self.hub = hub
        self.jobs = jobs
    }

    var current: LoadProgress { progress.withLock { $0 } }

    /// - Returns: false while another run is not done.
    func start(_ load: SandboxLoad) -> Bool {
        let mayStart = progress.withLock { progress in
            guard progress.isDone else { return false }
            progress.total = max(0, load.count)
            progress.published = 0
            progress.run += 1
            return true
        }
        let run = current.run
        if mayStart { jobs.submit { await self.run(load, number: run) } }
        return mayStart
    }

    /// Ends the current run after the event that is being published.
    func stop() {
        progress.withLock { $0.total = $0.published }
    }

    private func run(_ load: SandboxLoad, number run: Int) async {
        let clock = ContinuousClock()
        let start = clock.now
        var done = 0
        while done < load.count, !Task.isCancelled {
            let elapsed = start.duration(to: clock.now) / .seconds(1)
            let due = load.rate > 0 ? Int(min(elapsed * load.rate, Double(load.count))) + 1 : done + 1_000
            while done < min(due, load.count) {
                guard publishNext(load, run: run) else { return }
                done += 1
            }
            if load.rate > 0 {
                try? await clock.sleep(until: start.advanced(by: .seconds(Double(done) / load.rate)), tolerance: .zero)
            } else {
                await Task.yield()
            }
        }
    }

    /// False when the run was stopped.
    private func publishNext(_ load: SandboxLoad, run: Int) -> Bool {
        let number = progress.withLock { progress -> Int? in
            guard progress.run == run, !progress.isDone else { return nil }
            progress.lastNumber += 1
            return progress.lastNumber
        }
        guard let number else { return false }
        let receivers = owners(of: load, number: number).map { ChannelKey(id: events.channel(of: $0).id) }
        hub.publish(body(number: number, size: load.size), to: receivers, expiry: PortalEvents.expiry, number: number)
        progress.withLock { progress in
            guard progress.run == run else { return }
            // A stop in between has counted without this one.
            if progress.isDone { progress.total += 1 }
            progress.published += 1
        }
        return true
    }

    private func owners(of load: SandboxLoad, number: Int) -> [ChannelOwner] {
        let user = load.user ?? (number - 1) % max(options.users, 1) + 1
        let own = ChannelOwner.applicationPrivate(user: user)
        switch load.channel {
        case .shared: return [.applicationShared]
        case .private: return [own]
        case .both: return [number.isMultiple(of: 2) ? .applicationShared : own]
        case .doubled: return [own, .applicationShared]
        }
    }

    /// `params` is `{"n":NUMBER,"filler":"xxx…"}`, filled up to the size of the body.
    private func body(number: Int, size: Int) -> [UInt8] {
        let head = #"{"n":\#(number),"filler":""#
        var body = events.body(module: "application", command: Self.command, params: Array((head + "\"}").utf8))
        let prefix = #"{"module_id":"application","command":"\#(Self.command)","params":"#.utf8.count
        let missing = max(0, size - body.count)
        body.insert(contentsOf: repeatElement(UInt8(ascii: "x"), count: missing), at: prefix + head.utf8.count)
        return body
    }
}
