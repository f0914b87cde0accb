/// What a check is about.
public enum CheckSubject: Hashable, Sendable {
    /// The file and the daemon as a whole.
    case whole
    /// By its name in the settings.
    case portal(String)
    case sink(String)
}

/// One step on the way from the configuration file to a live event. The raw value is its name in JSON.
public enum CheckStage: String, Hashable, Sendable, CaseIterable {
    /// The configuration file by itself.
    case file
    /// What the file says is to be found elsewhere.
    case secrets
    /// The directory for what must survive a restart, and the journal in it.
    case state
    case dns
    case tcp
    /// In the place of `dns` and `tcp` where a proxy is in between.
    case proxy
    case tls
    /// The portal answers calls of its REST interface, whatever it says.
    case rest
    case token
    case scope
    /// The portal's configuration of its channels.
    case configuration = "config"
    case channels
    case clock
    /// The way to the push server, which may be another machine than the portal.
    case pushServer = "push-server"
    case webSocket = "websocket"
    case longPoll = "long-poll"
    /// A test event, through the portal and back.
    case event
    /// A file, a webhook or standard output.
    case target

    /// As people read it.
    public var title: String {
        switch self {
        case .pushServer: "push server"
        case .longPoll: "long poll"
        default: rawValue
        }
    }

    /// Those of a portal, in order.
    ///
    /// - Parameter isProxied: it is reached through a proxy.
    static func ofPortal(isProxied: Bool) -> [CheckStage] {
        [.secrets] + (isProxied ? [.proxy] : [.dns, .tcp]) + [
            .tls, .rest, .token, .scope, .configuration, .channels, .clock, .pushServer, .webSocket, .longPoll, .event,
        ]
    }

    /// The stages of the same subject without which this one has no sense.
    var needs: [CheckStage] {
        switch self {
        case .file, .secrets, .state, .target, .dns, .proxy: []
        case .tcp: [.dns]
        case .tls: [.proxy, .tcp]
        // The way can be looked at without a token.
        case .rest: [.secrets, .tls]
        case .token: [.rest]
        case .scope: [.token]
        case .configuration: [.scope]
        case .channels, .clock: [.configuration]
        case .pushServer: [.channels]
        case .webSocket, .longPoll: [.pushServer]
        case .event: [.webSocket, .longPoll]
        }
    }
}
