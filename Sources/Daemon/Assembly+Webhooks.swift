public import Delivery
import Logging
import Secrets
public import Settings
public import Transport

extension Daemon {
    /// What sends single events to the webhook `name` of the settings.
    ///
    /// - Throws: also when there is no webhook of that name.
    public static func webhookPoster(
        named name: String, settings: Settings, secrets: SecretEnvironment, client: any HTTPClient
    ) throws(StartFailure) -> WebhookPoster {
        for sink in settings.sinks where sink.name == name {
            if case .webhook(let webhook) = sink.kind {
                let assembly = Assembly(settings: settings, secrets: secrets, logger: Logger(label: "pulld"))
                var target = try assembly.target(webhook, "sinks.\(name).webhook")
                target.isBatched = WebhookPace(webhook).batchSize > 1
                return WebhookPoster(target: target, client: client)
            }
        }
        throw StartFailure(.configuration, "there is no webhook \(name)")
    }
}

extension Assembly {
    func target(_ webhook: WebhookSettings, _ place: String) throws(StartFailure) -> WebhookTarget {
        var secrets: [Secret] = []
        for source in webhook.secrets { secrets.append(try resolve(source, "\(place).secret")) }
        var headers: [(name: String, value: Secret)] = []
        for header in webhook.headers {
            switch header.value {
            case .text(let text): headers.append((header.name, Secret(text)))
            case .secret(let source): headers.append((header.name, try resolve(source, "\(place).headers")))
            }
        }
        let address: WebhookTarget.Place =
            switch webhook.address {
            case .url(let url): .url(Secret(url), webhook.allowsRemote ? .remote : .loopback)
            case .unix(let socket, let path): .unix(socket: socket, path: path)
            }
        return WebhookTarget(
            place: address, secrets: secrets, headers: headers, caFile: webhook.caFile, timeout: webhook.timeout,
            format: webhook.format == .json ? .json : .cloudEvents)
    }
}

extension WebhookPace {
    init(_ webhook: WebhookSettings) {
        self.init(
            isOrdered: webhook.isOrdered, concurrency: webhook.concurrency, batchSize: webhook.batch?.size ?? 1,
            batchWait: webhook.batch?.wait ?? .zero, attempts: webhook.retry.attempts,
            maximumDelay: webhook.retry.maximumDelay)
    }
}
