import COpenSSL
import Events
import JSONText
import PullProtocol

/// What the message vectors are made of.
enum MessageFixtures {
    static let a = "17000000000000000000000041"
    static let b = "17000000000000000000000042"
    static let c = "17000000000000000000000043"

    static func envelope(_ mid: String, _ text: String) -> String {
        let number = UInt64(mid.suffix(16)) ?? 0
        return #"#!NGINXNMS!#{"id":\#(number),"mid":"\#(mid)","channel":"-","tag":"123","#
            + #""time":"Tue, 14 Nov 2023 22:13:21 GMT","text":\#(text)}#!NGINXNME!#"#
    }

    static func bytes(hex: String) -> [UInt8] {
        let digits = hex.compactMap(\.hexDigitValue)
        return stride(from: 0, to: digits.count - 1, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
    }

    static func hex(_ bytes: some Sequence<UInt8>) -> String {
        bytes.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
    }

    static func sha1(_ bytes: [UInt8]) -> String {
        var digest = [UInt8](repeating: 0, count: 20)
        _ = SHA1(bytes, bytes.count, &digest)
        return hex(digest)
    }
}

/// A decoded unit with the bytes that its ranges point into.
struct Decoded {
    var unit: DecodedUnit
    var bytes: [UInt8]

    init(
        _ bytes: [UInt8], mode: PayloadMode = .text, kind: FrameKind = .text, isTruncated: Bool = false,
        baseOffset: Int = 0
    ) {
        var unit = DecodedUnit()
        bytes.withUnsafeBytes {
            UnitDecoder(mode: mode).decode(
                $0, baseOffset: baseOffset, kind: kind, isTruncated: isTruncated, into: &unit)
        }
        self.unit = unit
        self.bytes = [UInt8](repeating: UInt8(ascii: "?"), count: baseOffset) + bytes + unit.appendix
    }

    init(_ text: String, mode: PayloadMode = .text, kind: FrameKind = .text, isTruncated: Bool = false) {
        self.init(Array(text.utf8), mode: mode, kind: kind, isTruncated: isTruncated)
    }

    func text(_ range: ByteRange) -> String {
        String(decoding: bytes[range.range], as: UTF8.self)
    }

    /// Events and malformed pieces in the order of their bytes, as `msg(41, body)`, `malformed(41)`, `malformed(41, body)`.
    var pieces: [String] {
        let reported = Set(unit.malformed.compactMap(\.event))
        var pieces = unit.events.enumerated().filter { !reported.contains($0.offset) }.map { _, event in
            (event.body.start, "msg(\(short(event.id)), \(text(event.body)))")
        }
        for piece in unit.malformed {
            let body = piece.rawBody.map { ", " + text($0) } ?? ""
            pieces.append((piece.range.start, "malformed(\(short(piece.id))\(body))"))
        }
        return pieces.sorted { $0.0 < $1.0 }.map(\.1)
    }

    /// The last two digits of our own ids, which differ in no others.
    private func short(_ id: MessageID?) -> String {
        guard let id else { return "-" }
        return id.generation == 1_700_000_000 ? String(id.counter) : id.description
    }
}
