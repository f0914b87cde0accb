/// `webhook:` of a sink.
extension SettingsNode {
    private static let example = "http://127.0.0.1:8080/"

    func webhook() -> WebhookSettings? {
        let keys = [
            "url", "secret", "headers", "allow_remote", "tls", "timeout", "format", "batch", "ordered", "concurrency",
            "retry",
        ]
        guard let fields = fields(keys, example: "{ url: \(Self.example) }") else { return nil }
        let allowsRemote = fields["allow_remote"]?.truth() ?? false
        let address = fields.required("url", example: "url: \(Self.example)")?.webhookAddress(allowsRemote)
        let secrets = fields["secret"]?.webhookSecrets()
        let headers = fields["headers"]?.webhookHeaders()
        let caFile = fields["tls"]?.authorities()
        let timeout = fields["timeout"]?.duration(in: .seconds(1)...(.seconds(300)), said: "1s to 5m")
        let format = fields["format"]?.word(WebhookSettings.Format.self)
        let batch = fields["batch"]?.webhookBatch()
        let isOrdered = fields["ordered"]?.truth() ?? true
        let concurrency = fields["concurrency"]?.wholeNumber(in: 1...64)
        let retry = fields["retry"]?.webhookRetry()
        if let node = fields["batch"], !isOrdered {
            node.problem(
                "a batch holds events in their order, and ordered: false has none",
                cure: "leave out batch: or ordered: false")
        }
        guard let address else { return nil }
        return WebhookSettings(
            address: address, secrets: secrets ?? [], headers: headers ?? [], allowsRemote: allowsRemote,
            caFile: caFile, timeout: timeout ?? .seconds(30), format: format ?? .json, batch: batch,
            isOrdered: isOrdered,
            concurrency: concurrency ?? 1, retry: retry ?? WebhookRetrySettings())
    }

    private func webhookAddress(_ allowsRemote: Bool) -> WebhookAddress? {
        guard let text = text() else { return nil }
        let cure = "write \(Self.example), or unix:/run/app.sock:/PATH for a Unix socket"
        do throws(AddressFault) {
            return try WebhookAddress.check(text, allowsRemote: allowsRemote)
        } catch .otherMachine {
            problem(
                "the webhook is not on this machine",
                cure: "write allow_remote: true beside it if events may leave this machine")
        } catch .reservedAddress {
            problem(
                "nobody's webhook is at a link-local, metadata, multicast or unspecified address",
                cure: "write the address of the program")
        } catch .notAnAddress where text.hasPrefix("unix:") {
            problem(
                "not the path of a socket",
                cure: "write unix:/run/app.sock or unix:/run/app.sock:/PATH, the socket's path at most "
                    + "\(WebhookAddress.maximumSocketPath) bytes")
        } catch .scheme {
            problem("a webhook is http, https or unix", cure: cure)
        } catch {
            problem(Self.message(for: error, thing: "a webhook"), cure: cure)
        }
        return nil
    }

    /// One secret, or two during a change of keys.
    private func webhookSecrets() -> [SecretSource]? {
        guard node.sequence != nil else { return secret().map { [$0] } }
        guard let list = list() else { return nil }
        guard 1...2 ~= list.count else {
            problem(
                "\(list.count) secrets are of no use",
                cure: "write one, or [NEW, OLD] during a change of keys; leave the key out for no signature")
            return nil
        }
        return list.compactMap { $0.secret() }
    }

    // MARK: headers

    /// Those that say what the body is, how it gets there, or who sent it.
    private static let ownHeaders: Set<String> = [
        "host", "content-length", "content-type", "content-encoding", "transfer-encoding", "connection", "keep-alive",
        "expect", "te", "trailer", "upgrade", "http2-settings",
    ]
    private static let ownPrefixes = ["webhook-", "pulld-", "proxy-", ":"]
    private static let secretHeaders: Set<String> = ["authorization", "cookie", "x-api-key"]

    private func webhookHeaders() -> [WebhookHeader]? {
        guard let entries = entries(example: "{ x-tenant: acme }") else { return nil }
        var seen: Set<String> = []
        return entries.compactMap { name, value in
            let written = name.node.scalar?.string ?? ""
            let lowercased = written.lowercased()
            guard Self.isToken(written) else {
                name.problem("\(quoted(written)) is not the name of a header", cure: "use letters, digits and dashes")
                return nil
            }
            guard !Self.ownHeaders.contains(lowercased), !Self.ownPrefixes.contains(where: lowercased.hasPrefix) else {
                name.problem("\(lowercased) is set by pulld itself", cure: "leave it out")
                return nil
            }
            guard seen.insert(lowercased).inserted else {
                name.problem("\(lowercased) is there twice", cure: "keep one of them")
                return nil
            }
            return value.headerValue(mayBeText: !Self.secretHeaders.contains(lowercased)).map {
                WebhookHeader(name: written, value: $0)
            }
        }
    }

    private func headerValue(mayBeText: Bool) -> WebhookHeader.Value? {
        if node.mapping != nil { return secret().map(WebhookHeader.Value.secret) }
        guard let text = text() else { return nil }
        guard mayBeText else {
            problem("a secret does not belong into this file", cure: Self.secretExample)
            return nil
        }
        guard text.utf8.allSatisfy({ 0x20...0x7E ~= $0 }), text.utf8.first != 0x20, text.utf8.last != 0x20 else {
            problem("not the value of a header", cure: "use printable ASCII, without blanks at the ends")
            return nil
        }
        return .text(text)
    }

    /// RFC 9110, section 5.6.2.
    private static func isToken(_ text: String) -> Bool {
        1...64 ~= text.utf8.count
            && text.utf8.allSatisfy { byte in
                switch byte {
                case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
                default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
                }
            }
    }

    // MARK: pace

    private func webhookBatch() -> WebhookBatchSettings? {
        let example = "{ size: 100, wait: 1s }"
        guard let fields = fields(["size", "wait"], example: example) else { return nil }
        let size = fields.required("size", example: example)?.wholeNumber(in: 1...1000)
        let wait = fields["wait"]?.duration(in: .zero ... .seconds(60), said: "0s to 1m")
        return size.map { WebhookBatchSettings(size: $0, wait: wait ?? .zero) }
    }

    private func webhookRetry() -> WebhookRetrySettings? {
        guard let fields = fields(["attempts", "max_delay"], example: "{ attempts: 6, max_delay: 60s }") else {
            return nil
        }
        var retry = WebhookRetrySettings()
        if let attempts = fields["attempts"]?.wholeNumber(in: 1...100) { retry.attempts = attempts }
        let delay = fields["max_delay"]?.duration(in: .seconds(1)...(.seconds(3600)), said: "1s to 1h")
        if let delay { retry.maximumDelay = delay }
        return retry
    }
}
