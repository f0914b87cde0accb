/// Turns received bytes into events. Holds no state between units.
///
/// ```
///   binary frame ───────────────────────────────► protobuf
///   text frame ─► white space only? ────────────► empty
///                 #!NGINXNMS!#… ────────────────► envelopes
///                 ping, in JSON-RPC mode ───────► ping
///                 [… or {… with known members ──► JSON, JSON-RPC
///                 …#!NGINXNMS!#… ───────────────► junk, envelopes
///                 anything else ────────────────► unknown
///   long poll ──► 0x0A first: protobuf, or if that fails as a whole, and else, as a text frame
/// ```
public struct UnitDecoder: Sendable {
    /// Larger units are of unknown kind. Far above what servers send (a body of 1 MB times the stored history).
    public static let maximumSize = 1 << 30

    public let mode: PayloadMode

    public init(mode: PayloadMode) {
        self.mode = mode
    }

    /// Decodes one unit and appends to `decoded`.
    ///
    /// - Parameters:
    ///   - baseOffset: where the unit stands in the buffer that ranges shall point into; up to 2^31.
    ///   - isTruncated: the unit was cut in transport. Its incomplete end is counted, not reported as malformed.
    ///   - place: where in the unit these bytes begin, after `decodeFront`.
    public func decode(
        _ unit: UnsafeRawBufferPointer, baseOffset: Int = 0, kind: FrameKind, isTruncated: Bool = false,
        from place: UnitPlace = .beginning, into decoded: inout DecodedUnit
    ) {
        guard unit.count <= Self.maximumSize, baseOffset >= 0, baseOffset <= 1 << 31 else {
            decoded.kind = .unknown
            decoded.unknownBytes += unit.count
            return
        }
        let bytes = UnitBytes(unit, base: baseOffset, isTruncated: isTruncated)
        switch place.form {
        case .unknown: decode(bytes, kind, into: &decoded)
        case .envelopes:
            decoded.kind = .envelopes
            bytes.split(from: bytes.afterWhitespace(0), into: &decoded)
        case .batch(let enclosing): bytes.decodeResponseBatch(within: enclosing, into: &decoded)
        }
    }

    private func decode(_ bytes: UnitBytes, _ kind: FrameKind, into decoded: inout DecodedUnit) {
        switch kind {
        case .binary:
            bytes.decodeResponseBatch(into: &decoded)
        case .text:
            decodeText(bytes, into: &decoded)
        case .longPoll:
            if mayBeBatch(bytes) {
                decodeBatchOrText(bytes, into: &decoded)
            } else {
                decodeText(bytes, into: &decoded)
            }
        }
    }

    /// Of the body of a long poll's answer.
    func mayBeBatch(_ bytes: UnitBytes) -> Bool {
        bytes.count > 0 && bytes.byte(0) == 0x0A && !bytes.hasStart(at: bytes.afterWhitespace(bytes.beginning))
    }

    /// The byte 0x0A begins a batch and is also a line feed.
    private func decodeBatchOrText(_ bytes: UnitBytes, into decoded: inout DecodedUnit) {
        let eventsBefore = decoded.events.count
        let truncatedBefore = decoded.truncatedBytes
        bytes.decodeResponseBatch(into: &decoded)
        let isWhole = decoded.damage == nil && decoded.truncatedBytes == truncatedBefore
        if isWhole || decoded.events.count > eventsBefore { return }
        let (damage, truncated) = (decoded.damage, decoded.truncatedBytes)
        decoded.damage = nil
        decoded.truncatedBytes = truncatedBefore
        decodeText(bytes, into: &decoded)
        if decoded.kind == .unknown, mode == .binary {
            decoded.kind = .protobuf
            decoded.damage = damage
            decoded.truncatedBytes = truncated
            decoded.unknownBytes -= bytes.count
        }
    }

    private func decodeText(_ bytes: UnitBytes, into decoded: inout DecodedUnit) {
        let first = bytes.afterWhitespace(bytes.beginning)
        if first == bytes.count {
            decoded.kind = .empty
        } else if bytes.hasStart(at: first) {
            decoded.kind = .envelopes
            bytes.split(from: first, into: &decoded)
        } else if mode == .jsonRPC, bytes.count - first == 4, bytes.has("ping", at: first) {
            decoded.kind = .ping
            decoded.replies.append("pong")
        } else if let kind = bytes.decodeJSON(from: first, into: &decoded) {
            decoded.kind = kind
        } else if bytes.nextStart(from: first) != nil {
            decoded.kind = .envelopes
            bytes.split(from: first, into: &decoded)
        } else {
            decoded.kind = .unknown
            decoded.unknownBytes += bytes.count
        }
    }
}
