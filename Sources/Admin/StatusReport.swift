/// How a running daemon is, at one moment. Nothing in it is secret, and nothing of the events. Moments are Unix seconds.
public struct StatusReport: Hashable, Sendable {
    public var version: String
    public var pid: Int32
    public var startedAt: Double
    /// The moment that the report speaks of.
    public var now: Double
    /// Every portal has been proven or has stated its failure, and at least one is live.
    public var isReady: Bool
    /// One sentence for people: how many portals are live, and what the first trouble is.
    public var summary: String
    /// In the order of the settings.
    public var portals: [Portal] = []
    /// In the order of the settings.
    public var sinks: [Sink] = []
    public var journal = Journal()
    /// Nil where the system does not tell.
    public var process: Process?

    public init(
        version: String, pid: Int32, startedAt: Double, now: Double, isReady: Bool, summary: String
    ) {
        self.version = version
        self.pid = pid
        self.startedAt = startedAt
        self.now = now
        self.isReady = isReady
        self.summary = summary
    }
}

extension StatusReport {
    /// How a subscription reaches its portal.
    public enum Transport: String, CaseIterable, Sendable {
        case webSocket = "websocket"
        case longPolling = "long-polling"
    }

    /// One portal's subscription. The counts of messages go on over restarts, all others begin with the subscription.
    public struct Portal: Hashable, Sendable {
        public enum State: String, CaseIterable, Sendable {
            case starting, live, waiting, stopped
        }

        public struct Channel: Hashable, Sendable {
            /// `private` or `shared`.
            public var name: String
            /// By the portal's clock: no messages come through it any more, unless it is renewed.
            public var end: Double

            public init(name: String, end: Double) {
                self.name = name
                self.end = end
            }
        }

        /// The operator's name.
        public var name: String
        public var state = State.starting
        /// Of the subscription while it is live.
        public var transport: Transport?
        /// Why it is not live, for people.
        public var cause: String?
        public var liveSince: Double?
        /// The last bytes of any kind from the push server: frames, pongs, answers to polls. Of an earlier run at worst, to
        /// about ten minutes then; nil: never.
        public var lastContact: Double?
        public var channels: [Channel] = []
        /// How often the subscription came up again after a loss.
        public var reconnects: UInt64 = 0
        /// Connections that broke, and attempts that failed.
        public var connectionFailures: UInt64 = 0
        /// How often the portal was asked for its configuration, and how often in vain.
        public var configurationRequests: UInt64 = 0
        public var configurationFailures: UInt64 = 0
        /// How often the push server was asked for what it had not sent, and the messages that came only by that.
        public var audits: UInt64 = 0
        public var auditRecovered: UInt64 = 0
        /// Nil until the journal has been asked what there was before: a count that begins with 0 at each start would look
        /// like one that was reset.
        public var messages: Messages?
        /// Nil: none is wanted.
        public var heartbeat: Heartbeat?

        public init(name: String) {
            self.name = name
        }
    }

    /// What has been received of a portal, ever: `received = journaled + duplicates + serviceCommands`.
    public struct Messages: Hashable, Sendable {
        public var received: UInt64 = 0
        public var journaled: UInt64 = 0
        public var duplicates: UInt64 = 0
        public var serviceCommands: UInt64 = 0
        public var malformed: UInt64 = 0
        /// Records of messages that nothing can fetch any more.
        public var gaps: UInt64 = 0

        public init() {}
    }

    /// Test events that the daemon sends to itself through the portal.
    public struct Heartbeat: Hashable, Sendable {
        /// Seconds from one to the next.
        public var interval: Double
        public var sent: UInt64 = 0
        public var returned: UInt64 = 0
        /// Refused by the portal, or not back in time.
        public var lost: UInt64 = 0
        /// When the first one was; nil: none could be sent, since the portal was never live or does not name its user.
        public var firstSent: Double?
        /// When the last one that came back did.
        public var lastReturn: Double?
        /// Of the last one, in seconds, from the request to the portal to the event's arrival.
        public var roundTrip: Double?

        public init(interval: Double) {
            self.interval = interval
        }
    }

    /// One sink, over restarts, as it stands on disk: `journaled = delivered + filtered + dead + pending` in every report.
    public struct Sink: Hashable, Sendable {
        /// Why nothing is delivered at present.
        public struct Blockade: Hashable, Sendable {
            public var since: Double
            /// A word of a fixed list, such as `unreachable`.
            public var code: String
            /// For people.
            public var reason: String
            public var cure: String

            public init(since: Double, code: String, reason: String, cure: String) {
                self.since = since
                self.code = code
                self.reason = reason
                self.cure = cure
            }
        }

        public var name: String
        /// Events and gap records that the journal has taken since the sink's first.
        public var journaled: UInt64 = 0
        public var delivered: UInt64 = 0
        /// Held back by the sink's filter.
        public var filtered: UInt64 = 0
        /// Given up, and not delivered since.
        public var dead: UInt64 = 0
        public var pending: UInt64 = 0
        /// Dead letters that are kept, and those that went because there were too many.
        public var deadLetters: UInt64 = 0
        public var overflowedLetters: UInt64 = 0
        public var blockade: Blockade?
        /// How often it was blocked since the process began.
        public var blockades: UInt64 = 0
        /// When the oldest pending event was received; nil where nothing is pending, or it is not in memory.
        public var oldestPending: Double?

        public init(name: String) {
            self.name = name
        }
    }

    public struct Journal: Hashable, Sendable {
        public struct Trouble: Hashable, Sendable {
            /// A word of a fixed list, such as `disk-full`.
            public var code: String
            public var message: String
            public var cure: String

            public init(code: String, message: String, cure: String) {
                self.code = code
                self.message = message
                self.cure = cure
            }
        }

        /// Events and gap records on disk, ever.
        public var records: UInt64 = 0
        /// In bytes, of the pages in use.
        public var size: UInt64 = 0
        public var sizeLimit: UInt64 = 0
        /// In bytes: received and not yet on disk.
        public var held: UInt64 = 0
        /// Intake waits for the disk.
        public var isPaused = false
        public var pauses: UInt64 = 0
        public var transactions: UInt64 = 0
        /// Dropped because the journal was full, though some sink had not had them; since the process began.
        public var dropped: UInt64 = 0
        /// Counts that did not add up.
        public var faults: UInt64 = 0
        /// Why it cannot be written at present.
        public var trouble: Trouble?

        public init() {}
    }

    /// What the system says of the process (proc(5)).
    public struct Process: Hashable, Sendable {
        /// In bytes.
        public var residentMemory: UInt64
        /// User and system, in seconds.
        public var cpuTime: Double
        public var openDescriptors: UInt64

        public init(residentMemory: UInt64, cpuTime: Double, openDescriptors: UInt64) {
            self.residentMemory = residentMemory
            self.cpuTime = cpuTime
            self.openDescriptors = openDescriptors
        }
    }
}
