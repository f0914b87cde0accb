import JSONText

/// The portal's REST methods around real time.
struct PortalREST: Sendable {
    let options: SandboxOptions
    let authorisations: Authorisations
    let config: ConfigAnswer
    let events: PortalEvents
    let faults: Faults
    let jobs: BackgroundJobs
    let log: CallLog
    let limit: RESTLimit

    static let limitError = "QUERY_LIMIT_EXCEEDED"

    /// Who calls, and by what kind of credential: application methods want a token, the portal's own a webhook.
    private enum Caller {
        case application(user: Int)
        case webhook(user: Int)
        case refused(status: Int, code: String, text: String)
    }

    private struct Answer {
        var reply: WebReply
        var error: String?
        var ends: [Double] = []
    }

    func answer(_ request: WebRequest) async -> WebReply {
        guard let call = RESTRequest(request) else { return .text("Not found", status: 404) }
        let start = options.clock()
        let caller = identify(call)
        var user: Int?
        switch caller {
        case .application(let number), .webhook(let number): user = number
        case .refused: break
        }
        let answer: Answer
        let source = request.headers["x-forwarded-for"] ?? "direct"
        if !limit.admits(source: source, user: user, now: start) {
            answer = refuse(503, Self.limitError, "Too many requests")
        } else if call.method.hasSuffix("config.get"), let outage = faults.configOutage {
            answer = Answer(reply: await outage.reply(while: { faults.configOutage != nil }), error: "fault")
        } else {
            answer = dispatch(call, caller: caller, start: start)
        }
        log.record(
            RESTCall(
                time: start, method: call.method, user: user, cache: call["CACHE"]?.lenientText,
                status: answer.reply.status, error: answer.error, ends: answer.ends))
        return answer.reply
    }

    private func identify(_ call: RESTRequest) -> Caller {
        switch call.credential {
        case .none:
            return .refused(status: 401, code: "NO_AUTH_FOUND", text: "Wrong authorization data")
        case .webhook(let user, let code):
            guard let owner = authorisations.user(ofWebhook: code), String(owner) == user else {
                return .refused(status: 401, code: "INVALID_CREDENTIALS", text: "Invalid request credentials")
            }
            return .webhook(user: owner)
        case .token(let token):
            switch authorisations.check(accessToken: token) {
            case .user(let user): return .application(user: user)
            case .expired:
                return .refused(
                    status: 401, code: "expired_token", text: "The access token provided has expired.")
            case .unknown:
                return .refused(
                    status: 401, code: "NO_AUTH_FOUND", text: "Wrong authorization data")
            }
        }
    }

    private func dispatch(_ call: RESTRequest, caller: Caller, start: Double) -> Answer {
        if case .refused(let status, let code, let text) = caller { return refuse(status, code, text) }
        switch (call.method, caller) {
        case ("pull.application.config.get", .application(let user)):
            return configAnswer(
                shared: .applicationShared, private: .applicationPrivate(user: user), user: user, start: start)
        case ("pull.config.get", .webhook(let user)):
            return configAnswer(
                shared: .portalShared, private: .portalPrivate(user: user), user: user, start: start)
        case ("pull.application.event.add", .application(let user)):
            return addEvent(call, user: user, start: start)
        case ("pull.application.config.get", _), ("pull.application.event.add", _):
            // A webhook has no application.
            return refuse(403, "WRONG_AUTH_TYPE", "Application context required")
        case ("pull.config.get", _):
            return refuse(403, "WRONG_AUTH_TYPE", "Get access to method is available only to portal users")
        case ("server.time", _):
            return Answer(reply: wrap(.string(WireDates.atom(start)), start: start))
        case ("app.info", .application):
            let info = JSONValue.object([
                ("ID", .integer(1)), ("CODE", .string(options.clientID)), ("VERSION", .integer(1)),
                ("STATUS", .string("L")), ("INSTALLED", .bool(true)),
            ])
            return Answer(reply: wrap(info, start: start))
        default:
            return refuse(404, "ERROR_METHOD_NOT_FOUND", "Method not found!")
        }
    }

    private func configAnswer(shared: ChannelOwner, private owner: ChannelOwner, user: Int, start: Double) -> Answer {
        var damage: Faults.ConfigDamage?
        switch faults.takeConfigFault() {
        case .raw(let answer):
            let type = [(name: "Content-Type", value: "application/json; charset=utf-8")]
            return Answer(
                reply: .response(status: answer.status, headers: type, body: Array(answer.body.utf8)),
                error: "fault")
        case .damage(let kind): damage = kind
        case nil: break
        }
        let (result, ends) = config.result(shared: shared, private: owner, user: user, damage: damage)
        return Answer(reply: wrap(result, start: start), ends: ends)
    }

    /// `true` means queued: the sending happens in the background.
    private func addEvent(_ call: RESTRequest, user: Int, start: Double) -> Answer {
        switch EventParameters.parse(call, user: user) {
        case .failure(let refusal):
            return refuse(400, refusal.code, refusal.text)
        case .success(let event):
            jobs.submit {
                for owner in event.owners {
                    events.publish(module: event.module, command: event.command, params: event.params, to: owner)
                }
            }
            return Answer(reply: wrap(.bool(true), start: start))
        }
    }

    /// `{"result":…,"time":{…}}`.
    private func wrap(_ result: JSONValue, start: Double) -> WebReply {
        let finish = options.clock()
        return .json(
            .object([
                ("result", result),
                (
                    "time",
                    .object([
                        ("start", .decimal(start)),
                        ("finish", .decimal(finish)),
                        ("duration", .decimal(finish - start)),
                        ("processing", .decimal(finish - start)),
                        ("date_start", .string(WireDates.atom(start))),
                        ("date_finish", .string(WireDates.atom(finish))),
                        ("operating_reset_at", .integer(Int(start) + 600)),
                        ("operating", .integer(0)),
                    ])
                ),
            ]))
    }

    private func refuse(_ status: Int, _ code: String, _ text: String) -> Answer {
        let body = JSONValue.object([("error", .string(code)), ("error_description", .string(text))])
        return Answer(reply: .json(body, status: status), error: code)
    }
}
