import Delivery
import Events
import Foundation
import PullProtocol

/// From decoded events to lines of JSON. The sample is one turn's worth: 16 frames of ten events.
enum LineFormatting {
    static func measure(size: Int) throws -> Measurement {
        let batch = batch(size: size, units: 16)
        var output = OutputBuffer(capacity: 1 << 20)
        var bytes = 0
        EventLine(batch).append(0..<batch.events.count, to: &output)
        output.withUnsafeBytes { bytes = $0.count }
        return try Measurement.of(events: batch.events.count, bytes: bytes) {
            output.removeAll()
            EventLine(batch).append(0..<batch.events.count, to: &output)
            return output.isEmpty ? 0 : batch.events.count
        }
    }

    /// A dictionary of what was decoded, with the date by ISO8601DateFormatter, through JSONSerialization.
    static func serialization(size: Int) throws -> Measurement {
        let batch = batch(size: size, units: 1)
        let objects = try batch.events.map { event in
            try JSONSerialization.jsonObject(with: Data(batch.bytes[event.body.range])) as? [String: Any] ?? [:]
        }
        let formatter = ISO8601DateFormatter()
        formatter.formatOptions.insert(.withFractionalSeconds)
        func lines() throws -> (count: Int, bytes: Int) {
            var bytes = 0
            for (index, object) in objects.enumerated() {
                let line: [String: Any] = [
                    "seq": index, "portal": "acme", "mid": batch.events[index].id?.description ?? "",
                    "module": object["module_id"] ?? "", "command": object["command"] ?? "",
                    "params": object["params"] ?? [:], "extra": object["extra"] ?? [:],
                    "received_at": formatter.string(from: Date()),
                ]
                bytes += try JSONSerialization.data(withJSONObject: line).count + 1
            }
            return (objects.count, bytes)
        }
        return try Measurement.of(events: objects.count, bytes: try lines().bytes) { try lines().count }
    }

    /// The sender's bytes put between other text with String(format:).
    static func format(size: Int) throws -> Measurement {
        let batch = batch(size: size, units: 1)
        func text(_ range: ByteRange) -> String { String(decoding: batch.bytes[range.range], as: UTF8.self) }
        func lines() -> (count: Int, bytes: Int) {
            var bytes = 0
            for (index, event) in batch.events.enumerated() {
                let line = String(
                    format:
                        #"{"seq":%ld,"portal":"%@","mid":"%@","module":"%@","command":"%@","params":%@,"extra":%@}"#,
                    index, "acme", event.id?.description ?? "", text(event.module), text(event.command),
                    text(event.params), text(event.extra))
                bytes += Data(line.utf8).count + 1
            }
            return (batch.events.count, bytes)
        }
        return try Measurement.of(events: batch.events.count, bytes: lines().bytes) { lines().count }
    }

    static func batch(size: Int, units: Int) -> EventBatch {
        let unit = SampleEvents.unit(mode: .text, size: size, events: 10)
        var bytes: [UInt8] = []
        var decoded = DecodedUnit()
        for _ in 0..<units {
            unit.withUnsafeBytes {
                UnitDecoder(mode: .text).decode($0, baseOffset: bytes.count, kind: .text, into: &decoded)
            }
            bytes += unit
        }
        return EventBatch(
            portal: "acme", receivedAt: 1_795_338_000_123_456, bytes: bytes, events: decoded.events)
    }
}
