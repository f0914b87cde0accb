import Logging

/// The daemon's own log, told as a part of the story: what matters for it in plain words, troubles as they are, the rest
/// not at all.
struct DemoLog: LogHandler {
    var logLevel = Logger.Level.debug
    var metadata: Logger.Metadata = [:]
    private let screen: DemoScreen

    init(screen: DemoScreen) {
        self.screen = screen
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let value = { (key: String) in event.metadata?[key]?.description ?? "" }
        switch event.message.description {
        case "asking the portal for its configuration":
            let reason = value("reason")
            screen.say(.pulld, "asks the portal for its channels" + (reason == "start" ? "" : " (\(reason))"))
        case "the portal's configuration is new":
            screen.say(.pulld, "gets new channel ids; the push server is of version \(value("version"))")
        case "the portal's configuration is unchanged":
            screen.say(.pulld, "gets the channel ids that it has")
        case "connecting":
            let isWebSocket = value("transport").lowercased().contains("websocket")
            screen.say(.pulld, isWebSocket ? "opens a WebSocket" : "begins long polling")
        case "subscribed":
            screen.say(.pulld, "is subscribed")
        case "service command":
            screen.say(.pulld, "is told by the portal: \(value("command"))")
        case "switched to new channels":
            screen.say(.pulld, "is on the new channels; keeps the old connection for a moment")
        case "closed the connection to the old channels":
            screen.say(.pulld, "closes the old connection")
        case "not connected to the push server":
            let text = "lost: \(value("cause")); again in \(value("retry_in_s")) s"
            screen.say(.pulld, text, isTrouble: true)
        default:
            guard event.level >= .warning else { return }
            let details = (event.metadata ?? [:]).sorted { $0.key < $1.key }.map { " \($0.key)=\($0.value)" }
            screen.say(.pulld, event.message.description + details.joined(), isTrouble: true)
        }
    }
}
