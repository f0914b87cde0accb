import Events
import JSONText

/// An event in the structured mode of CloudEvents 1.0 (JSON event format 1.0):
///
/// ```
/// {"specversion":"1.0","id":"acme-17…42","source":"/pulld/acme","type":"bitrix24.application.order.paid",
///  "time":"2026-11-22T09:00:00.123456Z","datacontenttype":"application/json","data":{"seq":41,…}}
/// ```
///
/// `data` is the event line. An event without module and command is a `bitrix24.message`, a gap record a `pulld.gap`.
enum CloudEvent {
    static let contentType = "application/cloudevents+json"
    static let batchContentType = "application/cloudevents-batch+json"

    static func append(_ event: WebhookEvent, to output: inout OutputBuffer) {
        let batch = event.source.batch
        var text = Array(#"{"specversion":"1.0","id":"#.utf8)
        JSONEscape.appendString(event.id, to: &text)
        text += Array(#","source":"/pulld/"#.utf8)
        appendEncoded(batch.portal, to: &text)
        text += Array(#"","type":""#.utf8)
        appendType(batch.events[event.index], batch, to: &text)
        text += Array(#"","time":""#.utf8)
        text += Timestamp.text(microseconds: batch.receivedAt)
        text += Array(#"","datacontenttype":"application/json","data":"#.utf8)
        output.append(text)
        event.source.line.append(event.index..<event.index + 1, to: &output)
        output.replaceLast(UInt8(ascii: "}"))
    }

    private static func appendType(_ event: Event, _ batch: EventBatch, to text: inout [UInt8]) {
        if event.shape == .gap {
            text += Array("pulld.gap".utf8)
            return
        }
        text += Array("bitrix24".utf8)
        // Inside the quotes as sent, so that nothing is to be escaped.
        let names = [event.module, event.command].map(batch.part).filter { !$0.isEmpty }
        if event.shape != .object || names.isEmpty {
            text += Array(".message".utf8)
            return
        }
        for name in names {
            text.append(UInt8(ascii: "."))
            text += batch.bytes[name]
        }
    }

    /// A segment of a URI reference: everything but the unreserved characters in its percent form (RFC 3986, chapter 2).
    private static func appendEncoded(_ name: String, to text: inout [UInt8]) {
        let digits = Array("0123456789ABCDEF".utf8)
        for byte in name.utf8 {
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F, 0x7E: text.append(byte)
            default: text += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            }
        }
    }
}
