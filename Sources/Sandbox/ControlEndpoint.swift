import JSONText

/// `/sandbox/…`: the test's hand on the portal in a box, in JSON, from this machine only.
struct ControlEndpoint: Sendable {
    static let prefix = "/sandbox/"

    let sandbox: Sandbox

    func answer(_ request: WebRequest) -> WebReply {
        guard request.isLocal else { return .text("Not found", status: 404) }
        let name = String(request.path.dropFirst(Self.prefix.count))
        switch (request.method, name) {
        case ("POST", "publish"): return publish(request.json)
        case ("POST", "load"): return startLoad(request.json)
        case ("GET", "load"): return .json(progress)
        case ("GET", "ledger"): return ledger(request.query)
        case ("GET", "calls"): return .json(.array(sandbox.calls.map(\.json)))
        case ("GET", "secrets"): return .json(.array(sandbox.issuedSecrets.map { .string($0) }))
        case ("GET", "credentials"): return .json(credentials)
        case ("GET", "connections"): return .json(.array(sandbox.connections.map(describe)))
        case ("POST", "fault"): return ControlFaults(sandbox: sandbox).answer(request.json)
        case ("POST", "stop-load"):
            sandbox.stopLoad()
            return .json(progress)
        case ("POST", "reset"):
            ControlMeters(sandbox: sandbox).reset()
            return .json(.object([("ok", .bool(true))]))
        case ("GET", _):
            guard let figures = ControlMeters(sandbox: sandbox).answer(name) else { fallthrough }
            return .json(figures)
        default: return .text("Not found", status: 404)
        }
    }

    /// `{"command":…,"params":…,"module":…,"channel":"shared"|"private"|"doubled","user":1,"expiry":86400}`, or `body`, a
    /// string that is published as it is, instead of command and params.
    private func publish(_ order: JSONValue) -> WebReply {
        let target = SandboxTarget(order)
        let expiry = order["expiry"]?.lenientInt.map { UInt32(clamping: $0) } ?? PortalEvents.expiry
        let id =
            if let body = order["body"]?.string {
                sandbox.publishBody(Array(body.utf8), to: target, expiry: expiry)
            } else {
                sandbox.publish(
                    command: order["command"]?.string ?? "test",
                    params: order["params"]?.serialized() ?? Array("[]".utf8),
                    module: order["module"]?.string ?? "application", to: target, expiry: expiry)
            }
        return .json(.object([("mid", .string(id.description))]))
    }

    private func startLoad(_ order: JSONValue) -> WebReply {
        let load = SandboxLoad(
            count: order["count"]?.lenientInt ?? 1_000, rate: order["rate"]?.lenientDouble ?? 1_000,
            size: min(order["size"]?.lenientInt ?? 400, PublishEndpoint.sizeLimit),
            channel: order["channel"]?.string.flatMap { SandboxLoad.Channel(rawValue: $0) } ?? .private,
            user: order["user"]?.string == "all" ? nil : order["user"]?.lenientInt ?? 1)
        guard sandbox.startLoad(load) else { return .text("A load is running.", status: 409) }
        return .json(progress)
    }

    private var progress: JSONValue {
        let progress = sandbox.loadProgress
        return .object([
            ("published", .integer(progress.published)),
            ("total", .integer(progress.total)),
            ("last_n", .integer(progress.lastNumber)),
            ("done", .bool(progress.isDone)),
        ])
    }

    private func ledger(_ query: FormFields) -> WebReply {
        let from = query.single("from").flatMap { Int($0) } ?? 0
        let limit = query.single("limit").flatMap { Int($0) } ?? 100_000
        return .response(
            status: 200, headers: [("Content-Type", "application/x-ndjson")],
            body: sandbox.ledgerStore.lines(from: from, limit: limit))
    }

    private var credentials: JSONValue {
        .object([
            ("client_id", .string(sandbox.options.clientID)),
            ("client_secret", .string(sandbox.options.clientSecret)),
            ("rest_base", .string(sandbox.restBase)),
            (
                "users",
                .array(
                    sandbox.credentials.map { user in
                        .object([
                            ("user", .integer(user.user)),
                            ("access_token", .string(user.accessToken)),
                            ("refresh_token", .string(user.refreshToken)),
                            ("webhook", .string("\(sandbox.restBase)\(user.user)/\(user.webhookCode)/")),
                        ])
                    })
            ),
        ])
    }

    private func describe(_ connection: ConnectionInfo) -> JSONValue {
        .object([
            ("id", .integer(connection.id)),
            ("transport", .string(connection.isPoll ? "long-polling" : "websocket")),
            ("binary", .bool(connection.isBinary)),
            ("frozen", .bool(connection.isFrozen)),
            ("awaiting_pong", .bool(connection.isAwaitingPong)),
            ("sent", .integer(connection.sentMessages)),
            ("dropped", .integer(connection.droppedMessages)),
            ("channels", .array(connection.channels.map { .string($0) })),
        ])
    }
}

extension SandboxTarget {
    /// By the members `channel` and `user` of a control order.
    init(_ order: JSONValue) {
        let user = order["user"]?.lenientInt ?? 1
        switch order["channel"]?.string {
        case "private": self = .private(user: user)
        case "doubled": self = .doubled(user: user)
        default: self = .shared
        }
    }
}
