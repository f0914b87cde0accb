@testable import Delivery
import Events
import Foundation
import Secrets
import TestRandom
import Testing
import Transport

@Suite("Requests to a webhook")
struct WebhookRequestTests {
    private let url = WebhookTarget.Place.url("http://127.0.0.1:8080/bitrix", .loopback)
    private let end = #""received_at":"2026-11-22T09:00:00.123456Z"}"#

    private func events(_ batch: EventBatch) -> [WebhookEvent] {
        let source = WebhookBatch(batch)
        return batch.events.indices.map { WebhookEvent(source: source, index: $0) }
    }

    private func text(_ request: HTTPRequest) -> String { String(decoding: request.body, as: UTF8.self) }

    private func headers(_ request: HTTPRequest) -> [String] { request.headers.map { "\($0.name): \($0.value)" } }

    @Test("the body is the event's line without its line feed")
    func line() throws {
        let request = WebhookRequest(events(SampleBatch.usual(count: 1)), to: WebhookTarget(place: url))
            .http(timestamp: 1_795_338_000)
        let usual = #""module":"application","command":"order.paid","params":"#
        #expect(
            text(request)
                == #"{"seq":1,"portal":"acme","mid":"17000000000000000000000000",\#(usual){"id":0},"extra":{},"# + end)
        #expect(request.method == .post)
        #expect(request.url.exposed == "http://127.0.0.1:8080/bitrix")
        #expect(request.timeout == .seconds(30) && request.maximumBodySize == 64 * 1024)
        #expect(request.network.destination == .loopback && request.allowsHTTP2)
        #expect(
            headers(request) == [
                "content-type: application/json", "webhook-id: acme-17000000000000000000000000",
                "webhook-timestamp: 1795338000",
            ])
    }

    @Test("a batch is an array of lines, under the first one's id and their number; also one of one event")
    func batch() {
        let target = WebhookTarget(place: url, isBatched: true)
        let all = events(SampleBatch.usual(count: 3))
        let request = WebhookRequest(all, to: target).http(timestamp: 1)
        let lines = lines(of: [SampleBatch.usual(count: 3)]).split(separator: "\n")
        #expect(text(request) == "[" + lines.joined(separator: ",") + "]")
        #expect(headers(request)[1] == "webhook-id: acme-17000000000000000000000000+3")
        let single = WebhookRequest([all[1]], to: target).http(timestamp: 1)
        #expect(text(single) == "[" + lines[1] + "]")
        #expect(headers(single)[1] == "webhook-id: acme-17000000000000000000000001+1")
    }

    @Test("each secret signs id, time and body, the first one first")
    func signed() throws {
        let secrets: [Secret] = ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "old"]
        let request = WebhookRequest(
            events(SampleBatch.usual(count: 1)), to: WebhookTarget(place: url, secrets: secrets)
        ).http(timestamp: 1_795_338_000)
        let expected = secrets.map {
            WebhookSignature(secret: $0).header(
                id: "acme-17000000000000000000000000", timestamp: 1_795_338_000, body: request.body)
        }
        #expect(headers(request).last == "webhook-signature: \(expected[0]) \(expected[1])")
    }

    @Test("constant headers go with each request; a replay says that it is one")
    func ownHeaders() {
        let target = WebhookTarget(
            place: url, headers: [("X-Tenant", "acme"), ("authorization", "Bearer hunter2")])
        let request = WebhookRequest(events(SampleBatch.usual(count: 1)), to: target, isReplay: true)
            .http(timestamp: 1)
        #expect(
            headers(request).dropFirst(3) == ["X-Tenant: acme", "authorization: Bearer hunter2", "pulld-replay: 1"])
        var dumped = ""
        dump(target, to: &dumped)
        #expect(!dumped.contains("hunter2") && !"\(target)".contains("hunter2"))
    }

    @Test("a socket is reached under the name localhost, at the path of the requests")
    func socket() {
        let target = WebhookTarget(place: .unix(socket: "/run/app.sock", path: "/hook?x=y"))
        let request = WebhookRequest(events(SampleBatch.usual(count: 1)), to: target).http(timestamp: 1)
        #expect(request.url.exposed == "http://localhost/hook?x=y")
        #expect(request.network.unixSocket == "/run/app.sock")
    }

    // MARK: CloudEvents

    @Test("as a CloudEvent the line is the data, with the attributes that specification 1.0 asks for")
    func cloudEvent() throws {
        let target = WebhookTarget(place: url, format: .cloudEvents)
        let batch = SampleBatch.usual(count: 1)
        let request = WebhookRequest(events(batch), to: target).http(timestamp: 1)
        let line = lines(of: [batch]).dropLast()
        #expect(
            text(request)
                == #"{"specversion":"1.0","id":"acme-17000000000000000000000000","source":"/pulld/acme","#
                + #""type":"bitrix24.application.order.paid","time":"2026-11-22T09:00:00.123456Z","#
                + #""datacontenttype":"application/json","data":\#(line)}"#)
        #expect(headers(request)[0] == "content-type: application/cloudevents+json")
    }

    @Test("a batch of CloudEvents has a content type of its own")
    func cloudBatch() throws {
        let target = WebhookTarget(place: url, format: .cloudEvents, isBatched: true)
        let request = WebhookRequest(events(SampleBatch.usual(count: 3)), to: target).http(timestamp: 1)
        #expect(headers(request)[0] == "content-type: application/cloudevents-batch+json")
        let list = try #require(try JSONSerialization.jsonObject(with: Data(request.body)) as? [[String: Any]])
        let ids = list.map { $0["id"] as? String }
        #expect(ids == (0..<3).map { "acme-1700000000000000000000000\($0)" })
    }

    @Test("types are told by module and command; what has neither, and gap records, have types of their own")
    func types() throws {
        var sample = SampleBatch(portal: "a b/ж")
        sample.addUsual()
        sample.add(#"{"command":"x"}"#, shape: .object, command: "x")
        sample.add(#"{"command":""}"#, shape: .object)
        sample.add(#"{"module_id":"a\"b","command":"ж"}"#, shape: .object, module: #"a\"b"#, command: "ж")
        sample.add("[1]", shape: .json)
        sample.add("no json\n\"", shape: .raw)
        sample.addGap()
        let target = WebhookTarget(place: url, format: .cloudEvents, isBatched: true)
        let request = WebhookRequest(events(sample.batch), to: target).http(timestamp: 1)
        let list = try #require(try JSONSerialization.jsonObject(with: Data(request.body)) as? [[String: Any]])
        #expect(
            list.map { $0["type"] as? String } == [
                "bitrix24.application.order.paid", "bitrix24.x", "bitrix24.message", #"bitrix24.a"b.ж"#,
                "bitrix24.message", "bitrix24.message", "pulld.gap",
            ])
        #expect(Set(list.map { $0["source"] as? String }) == ["/pulld/a%20b%2F%D0%B6"])
        #expect(list.last?["id"] as? String == "a b/ж-gap-47")
        #expect((list.last?["data"] as? [String: Any])?["gap"] != nil)
    }

    @Test("every body is JSON as Foundation reads it, for events of any shape and bytes")
    func validity() throws {
        var random = SeededRandom(seed: 4)
        for _ in 0..<300 {
            var sample = SampleBatch(portal: random.pick(["acme", "a.b-c", "портал"]))
            for number in 0..<1 + random.below(8) { addAny(to: &sample, UInt64(number), &random) }
            let all = events(sample.batch)
            for format in [WebhookTarget.Format.json, .cloudEvents] {
                let batch = WebhookRequest(all, to: WebhookTarget(place: url, format: format, isBatched: true))
                    .http(timestamp: 1)
                let list = try JSONSerialization.jsonObject(with: Data(batch.body)) as? [[String: Any]]
                #expect(list?.count == all.count)
                let sequences = list?.map { (format == .json ? $0 : $0["data"] as? [String: Any])?["seq"] as? UInt64 }
                #expect(sequences == all.map(\.sequence))
                for event in all {
                    let request = WebhookRequest([event], to: WebhookTarget(place: url, format: format))
                        .http(timestamp: 1)
                    #expect(try JSONSerialization.jsonObject(with: Data(request.body)) is [String: Any])
                    #expect(!request.body.contains(0x0A))
                }
            }
        }
    }

    private func addAny(to sample: inout SampleBatch, _ number: UInt64, _ random: inout SeededRandom) {
        switch random.below(6) {
        case 0: sample.addUsual(number: number)
        case 1: sample.addGap()
        case 2:
            let bytes = random.bytes(random.below(40))
            sample.add(bytes, shape: .raw)
        case 3:
            sample.add(random.pick(["1", "null", "[\n1,\r\n2]", "\"x\\n\""]), shape: .json) { $0.hasLineBreaks = true }
        case 4:
            sample.add(
                "{\"command\":\"a\\u0416\",\r\n\"params\":{\n\"x\":\"y\"},\"z\":1}", shape: .object,
                command: "a\\u0416", params: "{\n\"x\":\"y\"}"
            ) {
                $0.hasLineBreaks = true
                $0.hasOtherMembers = true
                $0.sender = Sender(kind: .client, id: (1, 2))
            }
        default:
            sample.add("{}", shape: .object) { $0.channel = .shared }
        }
    }

    @Test("ids are of portal and position, of gap records and events without position by number")
    func ids() {
        var sample = SampleBatch()
        sample.addUsual()
        sample.addGap()
        sample.add("1", shape: .json)
        #expect(events(sample.batch).map(\.id) == ["acme-17000000000000000000000042", "acme-gap-42", "acme-43"])
    }
}
