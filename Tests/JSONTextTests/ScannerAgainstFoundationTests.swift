import Foundation
import JSONText
import Testing

@Suite("The scanner agrees with Foundation about what is JSON, but for Foundation's known faults")
struct ScannerAgainstFoundationTests {
    @Test(
        "A6: documents, whole and spoiled, 10,000 of each seed",
        arguments: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10] as [UInt64])
    func generated(seed: UInt64) {
        var generator = DocumentGenerator(seed: seed)
        for index in 0..<10_000 {
            let isWhole = index % 2 == 0
            let document = isWhole ? generator.document() : generator.spoiledDocument()
            let ours = isJSON(document)
            if isWhole, !ours { Issue.record("refused: \(shown(document))") }
            let data = Data(document)
            if ours != Self.serializationAccepts(data) || ours != Self.decoderAccepts(data),
                KnownFault(in: document, ours: ours) == nil
            {
                Issue.record("disagreement, ours \(ours): \(shown(document))")
            }
        }
    }

    @Test(
        "Legal text that Foundation refuses is accepted",
        arguments: [
            #""\ud83d""#, #""\ude00""#, #"{"s":"\ude00\ud83d"}"#, "1e400", "[-1e999]",
            String(repeating: "[", count: 513) + String(repeating: "]", count: 513),
        ])
    func refusedByFoundation(text: String) {
        let bytes = Array(text.utf8)
        #expect(isJSON(bytes))
        #expect(!Self.serializationAccepts(Data(bytes)) || !Self.decoderAccepts(Data(bytes)))
    }

    @Test("Trailing commas, which Foundation accepts, are refused", arguments: ["[1,]", #"{"a":1,}"#, "[[1, ]\n]"])
    func acceptedByFoundation(text: String) {
        let bytes = Array(text.utf8)
        #expect(!isJSON(bytes))
        #expect(Self.serializationAccepts(Data(bytes)) || Self.decoderAccepts(Data(bytes)))
    }

    private static func serializationAccepts(_ data: Data) -> Bool {
        (try? JSONSerialization.jsonObject(with: data, options: .fragmentsAllowed)) != nil
    }

    private static func decoderAccepts(_ data: Data) -> Bool {
        (try? JSONDecoder().decode(Anything.self, from: data)) != nil
    }
}

/// Where Foundation on Linux is known to be wrong.
private enum KnownFault {
    /// Legal, and refused by one or both.
    case loneSurrogate, numberBeyondDouble
    /// Illegal, and accepted by one or both.
    case trailingComma, zeroByteTakenForUTF16, illFormedUTF8, escapeWithoutFourDigits

    init?(in document: [UInt8], ours: Bool) {
        let text = String(decoding: document, as: UTF8.self)
        if ours {
            if text.contains(/\\u[dD][89a-fA-F]/) {
                self = .loneSurrogate
            } else if text.contains(/[eE]\+?0*[1-9][0-9]{2}/) {
                self = .numberBeyondDouble
            } else {
                return nil
            }
        } else if text.unicodeScalars.filter({ !" \t\r\n".unicodeScalars.contains($0) }).map(String.init).joined()
            .contains(/,[\]}]/)
        {
            self = .trailingComma
        } else if document.contains(0) {
            self = .zeroByteTakenForUTF16
        } else if String(validating: document, as: UTF8.self) == nil {
            self = .illFormedUTF8
        } else if text.contains(/\\u(?![0-9a-fA-F]{4})/) {
            self = .escapeWithoutFourDigits
        } else {
            return nil
        }
    }
}

/// Takes any JSON value, so that the decoder looks at all of it.
private struct Anything: Decodable {
    init(from decoder: any Decoder) throws {
        if let keyed = try? decoder.container(keyedBy: Key.self) {
            for key in keyed.allKeys { _ = try keyed.decode(Anything.self, forKey: key) }
        } else if var list = try? decoder.unkeyedContainer() {
            while !list.isAtEnd { _ = try list.decode(Anything.self) }
        } else {
            // Numbers are looked at only when somebody wants them.
            let scalar = try decoder.singleValueContainer()
            if scalar.decodeNil() || (try? scalar.decode(Bool.self)) != nil { return }
            if (try? scalar.decode(Double.self)) != nil { return }
            _ = try scalar.decode(String.self)
        }
    }

    private struct Key: CodingKey {
        var stringValue: String
        var intValue: Int? { nil }
        init(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }
}

/// Whether the whole of `bytes` is one JSON document.
func isJSON(_ bytes: [UInt8]) -> Bool {
    bytes.withUnsafeBytes {
        var scanner = JSONScanner($0)
        guard scanner.skipValue() else { return false }
        scanner.skipWhitespace()
        return scanner.isAtEnd
    }
}

func shown(_ bytes: [UInt8]) -> String {
    String(decoding: bytes, as: UTF8.self).debugDescription
}
