import EndToEndSupport
import Foundation
import Testing

@Suite(.serialized) struct DeadVerbTests {
    @Test("Dead letters are listed, shown, sent again and dropped, while the daemon runs")
    func life() async throws {
        let receiver = try WebhookReceiver(status: "500 Internal Server Error")
        try await JournalStage.with(webhook: receiver.port, options: ", retry: { attempts: 1 }") { journal in
            #expect(try await journal.run(["dead"]).output == "no dead letters\n")
            for (module, command) in [("shop", "order.paid"), ("crm", "deal"), ("crm", "lead")] {
                try await journal.publish(module, command)
            }
            try await eventually(within: .seconds(30), "all have died") {
                try await journal.run(["dead", "list", "--json"]).lines.count == 3
            }
            let table = try await journal.run(["dead", "list", "--module", "crm"]).lines
            #expect(table.count == 3 && table[0].hasPrefix("NUMBER  SINK  PORTAL  EVENT"))
            #expect(
                table[1].contains("    #2  app   acme    crm/deal")
                    && table[1].hasSuffix("1  500 Internal Server Error"))
            let shown = try await journal.run(["dead", "show", "1"])
            #expect(
                shown.output.hasPrefix("dead letter #1 of sink app\n  event     shop/order.paid of portal acme, mid "))
            #expect(shown.output.contains("after 1 attempt\n  reason    500 Internal Server Error\n  {\"seq\":1,"))
            let json = try await journal.run(["dead", "show", "1", "--json"]).output
            let letter = try JSONSerialization.jsonObject(with: Data(json.utf8)) as? [String: Any]
            #expect((letter?["event"] as? [String: Any])?["command"] as? String == "order.paid")

            let retried = try await journal.run(["dead", "retry", "--command", "deal"])
            #expect(retried.output == "1 dead letter is to be sent again: by the daemon, when it runs\n")
            try await eventually(within: .seconds(30), "it is sent again") { receiver.requestCount == 4 }
            let ids = receiver.requests.map { $0.headers["webhook-id"] }
            #expect(ids[3] == ids[1])

            let dropped = try await journal.run(["dead", "drop", "1", "9", "--yes"])
            #expect(dropped.code == 65 && dropped.output == "1 dead letter is dropped\n")
            #expect(
                dropped.errorOutput == "pulld: no dead letter that matches has the number #9; see pulld dead list\n")
            #expect(
                try await journal.run(["dead", "drop", "--sink", "other", "--yes"]).output
                    == "0 dead letters are dropped\n")
            try await journal.daemon.stop()
            #expect(try await journal.run(["dead", "drop", "--all", "--yes"]).output == "2 dead letters are dropped\n")
            #expect(try await journal.run(["dead", "list"]).output == "no dead letters\n")
        }
    }

    @Test("On a terminal a drop asks, and only yes is yes", arguments: [("n", 1), ("", 1), ("y", 0)])
    func asks(answer: String, left: Int) async throws {
        let receiver = try WebhookReceiver(status: "400 Bad Request")
        try await JournalStage.with(webhook: receiver.port, options: ", retry: { attempts: 1 }") { journal in
            try await journal.publish("shop", "order.paid")
            try await eventually(within: .seconds(30), "it has died") {
                try await journal.run(["dead", "list", "--json"]).lines.count == 1
            }
            let result = try await journal.shell(
                #"echo \#(answer) | script -qec "$PULLD dead drop 1 --state $STATE" /dev/null"#)
            #expect(result.output.contains("drop 1 dead letter for good? [y/N] "))
            #expect(try await journal.run(["dead", "list", "--json"]).lines.count == left)
        }
    }
}
