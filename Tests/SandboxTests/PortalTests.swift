import Foundation
import JSONText
import Sandbox
import Testing

@Suite("The portal's REST and tokens")
struct PortalTests {
    @Test("The config has the shape that portals send")
    func configShape() async throws {
        let clock = TestClock()
        try await Harness.run(clock: clock) { harness in
            let answer = try await harness.call("pull.application.config.get", #"{"CACHE":"N"}"#)
            let result = try #require(answer.json["result"])
            let server = try #require(result["server"])
            #expect(server["version"]?.lenientInt == 4)
            #expect(server["websocket"]?.string == "ws://127.0.0.1:\(harness.port)/subws/")
            #expect(server["long_polling"]?.string == "http://127.0.0.1:\(harness.port)/sub/")
            #expect(server["long_pooling_secure"]?.string == "")
            #expect(server["long_polling_secure"] == nil)
            let channel = try #require(result["channels"]?["private"])
            #expect(channel["id"]?.string?.utf8.count == 106)
            #expect(channel["public_id"]?.string?.utf8.count == 73)
            #expect(channel["start"]?.string == "2023-11-15T00:13:20+02:00")
            #expect(channel["end"]?.string == "2023-11-15T12:13:25+02:00")
            #expect(result["publicChannels"]?["1"]?["user_id"]?.lenientInt == 1)
            #expect(result["api"]?["revision_web"]?.lenientInt == 19)
            #expect(answer.json["time"]?["date_start"]?.string == "2023-11-15T00:13:20+02:00")
            let call = try #require(harness.sandbox.calls.first)
            #expect(call.cache == "N" && call.ends == [1_700_043_205, 1_700_043_205])
        }
    }

    @Test("Behind a proxy only the secure addresses are told")
    func proxyAddresses() async throws {
        let proxied: @Sendable (inout SandboxOptions) -> Void = {
            $0.publicHTTPBase = "https://localhost:8443"
            $0.publicWebSocketBase = "wss://localhost:8443"
        }
        try await Harness.run(proxied) { harness in
            let server = try #require(try await harness.config()["server"])
            #expect(server["websocket_secure"]?.string == "wss://localhost:8443/subws/")
            #expect(server["long_pooling_secure"]?.string == "https://localhost:8443/sub/")
            #expect(server["websocket"]?.string == "" && server["long_polling"]?.string == "")
        }
    }

    @Test("A token is taken from the JSON body, the form, the query and the header")
    func tokenPlaces() async throws {
        try await Harness.run { harness in
            let token = harness.sandbox.credentials[0].accessToken
            let path = "/rest/pull.application.config.get"
            let form = "application/x-www-form-urlencoded"
            let answers = [
                try await harness.http.post("\(path).json", #"{"auth":"\#(token)"}"#),
                try await harness.http.post(path, "auth=\(token)&cache=N", type: form),
                try await harness.http.get("\(path)?access_token=\(token)"),
                try await harness.http.post(path, "{}", headers: ["Authorization": "Bearer \(token)"]),
            ]
            #expect(answers.map(\.status) == [200, 200, 200, 200])
            #expect(harness.sandbox.calls.map(\.cache) == [nil, "N", nil, nil])
        }
    }

    @Test("Wrong credentials meet the portal's codes")
    func refusals() async throws {
        let clock = TestClock()
        try await Harness.run(clock: clock) { harness in
            let webhook = "/rest/1/\(harness.sandbox.credentials[0].webhookCode)"
            var seen: [String] = []
            func note(_ answer: Answer) { seen.append("\(answer.status) \(answer.json["error"]?.string ?? "-")") }
            note(try await harness.http.post("\(webhook)/pull.application.config.get.json", "{}"))
            note(try await harness.http.post("\(webhook)/pull.config.get.json", "{}"))
            note(try await harness.http.post("/rest/1/wrong/pull.config.get.json", "{}"))
            note(try await harness.call("pull.config.get"))
            note(try await harness.call("no.such.method"))
            note(try await harness.http.post("/rest/pull.application.config.get", "{}"))
            note(try await harness.http.post("/rest/pull.application.config.get", #"{"auth":"x"}"#))
            clock.advance(by: 3_601)
            note(try await harness.call("pull.application.config.get"))
            #expect(
                seen == [
                    "403 WRONG_AUTH_TYPE", "200 -", "401 INVALID_CREDENTIALS", "403 WRONG_AUTH_TYPE",
                    "404 ERROR_METHOD_NOT_FOUND", "401 NO_AUTH_FOUND", "401 NO_AUTH_FOUND", "401 expired_token",
                ])
        }
    }

    @Test("Every user has a private channel of his own, and all share one")
    func users() async throws {
        try await Harness.run({ $0.users = 3 }) { harness in
            var privates: Set<String> = []
            var shareds: Set<String> = []
            for user in 1...3 {
                let channels = try await harness.config(user: user)["channels"]
                privates.insert(channels?["private"]?["id"]?.string ?? "")
                shareds.insert(channels?["shared"]?["id"]?.string ?? "")
            }
            #expect(privates.count == 3 && shareds.count == 1)
            let listed = try await harness.http.get("/sandbox/credentials").json
            #expect(listed["users"]?.array?.count == 3)
        }
    }

    @Test("A refresh gives two new tokens and kills the old refresh token, by form and by query")
    func refresh() async throws {
        try await Harness.run { harness in
            let options = harness.sandbox.options
            let seed = harness.sandbox.credentials[0]
            func fields(_ token: String, secret: String) -> String {
                "grant_type=refresh_token&client_id=\(options.clientID)&client_secret=\(secret)&refresh_token=\(token)"
            }
            let form = "application/x-www-form-urlencoded"
            let wrong = try await harness.http.post(
                "/oauth/token/", fields(seed.refreshToken, secret: "no"), type: form)
            #expect(wrong.json["error"]?.string == "invalid_client")
            let right = fields(seed.refreshToken, secret: options.clientSecret)
            let first = try await harness.http.post("/oauth/token/", right, type: form)
            let token = try #require(first.json["refresh_token"]?.string)
            #expect(token != seed.refreshToken)
            #expect(first.json["access_token"]?.string == harness.sandbox.credentials[0].accessToken)
            #expect(first.json["client_endpoint"]?.string == harness.sandbox.restBase)
            #expect(first.json["expires_in"]?.lenientInt == 3_600)
            let again = try await harness.http.post("/oauth/token/", right, type: form)
            #expect(again.status == 400 && again.json["error"]?.string == "invalid_grant")
            let second = try await harness.http.get(
                "/oauth/token/?\(fields(token, secret: options.clientSecret))")
            #expect(second.status == 200)
            #expect(try await harness.http.get("/oauth/token/").json["error"]?.string == "invalid_request")
        }
    }

    struct EventCase: Sendable, CustomTestStringConvertible {
        var body: String
        var user = 1
        /// The error, or the channel and what arrives.
        var outcome: String
        var testDescription: String { body }
    }

    static let events = [
        EventCase(body: #"{"COMMAND":"c","PARAMS":{"a":[1,"x"]}}"#, outcome: #"shared application c {"a":[1,"x"]}"#),
        EventCase(body: #"{"command":"a:b|c.d-e","Params":{}}"#, outcome: "shared application a:b|c.d-e []"),
        EventCase(body: #"{"COMMAND":"c","PARAMS":"{\"a\":1}"}"#, outcome: #"shared application c {"a":1}"#),
        EventCase(body: #"{"COMMAND":"c","MODULE_ID":"My.Mod_1"}"#, outcome: "shared my.mod_1 c []"),
        EventCase(body: #"{"COMMAND":"c","USER_ID":2}"#, outcome: "private2 application c []"),
        EventCase(body: #"{"COMMAND":"c","USER_ID":"2"}"#, user: 2, outcome: "private2 application c []"),
        EventCase(body: #"{"COMMAND":"c","USER_ID":2}"#, user: 2, outcome: "USER_ID_ACCESS_ERROR"),
        EventCase(body: #"{"COMMAND":"c","USER_ID":["1"]}"#, user: 2, outcome: "USER_ID_ACCESS_ERROR"),
        EventCase(body: #"{"COMMAND":"a b"}"#, outcome: "COMMAND_ERROR"),
        EventCase(body: #"{"PARAMS":{}}"#, outcome: "COMMAND_ERROR"),
        EventCase(body: #"{"COMMAND":"c","MODULE_ID":"a-b"}"#, outcome: "MODULE_ID_ERROR"),
        EventCase(body: #"{"COMMAND":"c","PARAMS":"text"}"#, outcome: "PARAMS_ERROR"),
    ]

    @Test("event.add follows the portal's rules for names, parameters and users", arguments: events)
    func eventAdd(_ event: EventCase) async throws {
        try await Harness.run({ $0.users = 2 }) { harness in
            let own = try await harness.config(user: 2)["channels"]?["private"]?["id"]?.string ?? ""
            let answer = try await harness.call("pull.application.event.add", event.body, user: event.user)
            if event.outcome.hasSuffix("_ERROR") {
                #expect(answer.status == 400)
                #expect(answer.json["error"]?.string == event.outcome)
                return
            }
            #expect(answer.json["result"] == .bool(true))
            try await eventually { harness.sandbox.ledger.count == 1 }
            let entry = try #require(harness.sandbox.ledger.first)
            let isPrivate = own.hasPrefix(entry.channels[0])
            let list = try await harness.channelList(user: 2)
            let poll = try await harness.http.get("/sub/?CHANNEL_ID=\(list)&mid=00000000000000000000000000")
            let text = try #require(envelopes(poll.text).first?.text)
            let params = String(decoding: text["params"]?.serialized() ?? [], as: UTF8.self)
            let module = text["module_id"]?.string ?? "-"
            let seen = "\(isPrivate ? "private2" : "shared") \(module) \(text["command"]?.string ?? "-") \(params)"
            #expect(seen == event.outcome)
            #expect(entry.expiry == 86_400)
            #expect(text["extra"]?["server_time_unix"]?.lenientInt != nil)
        }
    }

    @Test("Everything confidential that was given out is listed for leak tests")
    func secrets() async throws {
        try await Harness.run { harness in
            let config = try await harness.config()
            let issued = Set(harness.sandbox.issuedSecrets)
            let id = try #require(config["channels"]?["private"]?["id"]?.string)
            let signature = try #require(id.split(separator: ".").last)
            let user = harness.sandbox.credentials[0]
            let expected = [
                id, String(id.prefix(32)), String(signature), user.accessToken, user.refreshToken, user.webhookCode,
                harness.sandbox.options.signatureKey, harness.sandbox.options.clientSecret,
            ]
            #expect(issued.isSuperset(of: expected))
            let listed = try await harness.http.get("/sandbox/secrets").json
            #expect(listed.array?.count == issued.count)
        }
    }
}
