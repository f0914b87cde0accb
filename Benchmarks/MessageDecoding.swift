import Foundation
import PullProtocol

/// From the payload of a frame to events: text envelopes split and their JSON checked, or protobuf read. Ten events a
/// unit.
enum MessageDecoding {
    private static let eventsPerUnit = 10

    static func measure(_ mode: SampleEvents.Mode, size: Int) throws -> Measurement {
        let unit = SampleEvents.unit(mode: mode, size: size, events: eventsPerUnit)
        let decoder = UnitDecoder(mode: mode == .text ? .text : .binary)
        var decoded = DecodedUnit()
        let rounds = 1000
        return try Measurement.of(events: rounds * eventsPerUnit, bytes: rounds * unit.count) {
            var seen = 0
            unit.withUnsafeBytes { bytes in
                for _ in 0..<rounds {
                    decoded.reset()
                    decoder.decode(bytes, kind: mode == .text ? .text : .binary, into: &decoded)
                    seen += decoded.events.count { $0.id != nil && !$0.params.isEmpty }
                }
            }
            return seen
        }
    }

    // MARK: the usual way

    /// The official client's way: a regular expression over a string, then a JSON object of each envelope.
    static func expressionAndSerialization(size: Int) throws -> Measurement {
        let unit = SampleEvents.unit(mode: .text, size: size, events: eventsPerUnit)
        let expression = try NSRegularExpression(pattern: "#!NGINXNMS!#(.*?)#!NGINXNME!#")
        return try usual(unit) { data in
            let text = String(decoding: data, as: UTF8.self)
            var seen = 0
            for match in expression.matches(in: text, range: NSRange(text.startIndex..., in: text)) {
                guard let range = Range(match.range(at: 1), in: text) else { continue }
                let object = try JSONSerialization.jsonObject(with: Data(text[range].utf8)) as? [String: Any]
                let body = object?["text"] as? [String: Any]
                if object?["mid"] is String, body?["params"] != nil { seen += 1 }
            }
            return seen
        }
    }

    private struct Envelope: Decodable {
        struct Body: Decodable {
            struct Item: Decodable {
                var sku, price, title: String
                var count: Int
            }
            struct Parameters: Decodable {
                var order: Int
                var items: [Item]
                var note: String
            }
            var module_id, command: String
            var params: Parameters
        }
        var mid: String
        var text: Body
    }

    /// Markers found as data, then JSONDecoder with types that know the event: what a careful application does.
    static func decoder(size: Int) throws -> Measurement {
        let unit = SampleEvents.unit(mode: .text, size: size, events: eventsPerUnit)
        let (start, end) = (Data("#!NGINXNMS!#".utf8), Data("#!NGINXNME!#".utf8))
        let decoder = JSONDecoder()
        return try usual(unit) { data in
            var seen = 0
            var rest = data[...]
            while let from = rest.range(of: start), let to = rest.range(of: end, in: from.upperBound..<rest.endIndex) {
                let envelope = try decoder.decode(Envelope.self, from: rest[from.upperBound..<to.lowerBound])
                if envelope.text.command == "order.paid" { seen += 1 }
                rest = rest[to.upperBound...]
            }
            return seen
        }
    }

    /// The JSON of the bodies alone, as if protobuf cost nothing.
    static func bodiesBySerialization(size: Int) throws -> Measurement {
        let body = Data(SampleEvents.body(for: size))
        let size = SampleEvents.unit(mode: .protobuf, size: size, events: eventsPerUnit).count
        return try Measurement.of(events: 200, bytes: 20 * size) {
            var seen = 0
            for _ in 0..<200 {
                let object = try JSONSerialization.jsonObject(with: body) as? [String: Any]
                if object?["params"] != nil { seen += 1 }
            }
            return seen
        }
    }

    private static func usual(_ unit: [UInt8], _ decode: (Data) throws -> Int) throws -> Measurement {
        let data = Data(unit)
        return try Measurement.of(events: 20 * eventsPerUnit, bytes: 20 * unit.count) {
            try (0..<20).reduce(0) { seen, _ in try seen + decode(data) }
        }
    }
}
