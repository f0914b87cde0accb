import Events

/// A place in a unit between two messages, up to which it has been decoded.
public struct UnitPlace: Sendable, Hashable {
    enum Form: Sendable, Hashable {
        case unknown
        case envelopes
        case batch(ResponseBatchEnclosing)
    }

    let form: Form

    /// Nothing of the unit has been decoded.
    public static let beginning = UnitPlace(form: .unknown)
}

/// Large units are decoded while they come.
extension UnitDecoder {
    /// Decodes what stands whole and well-formed at the front of a unit, or of what is left of it, and appends to
    /// `decoded`. It stops before anything else, and what it leaves alone is to be given again together with what
    /// follows: to this, and at the end of the unit to `decode`. All together find the same messages in the same
    /// order as `decode` does in the whole unit; only messages that statistics after them in the same response would
    /// take back are delivered.
    ///
    /// - Parameters:
    ///   - bytes: from `place` on; ranges point into them.
    ///   - place: where the bytes begin. Moved to where they are left.
    /// - Returns: how many bytes are done with. None, also of units of a form that has to be there as a whole.
    public func decodeFront(
        _ bytes: UnsafeRawBufferPointer, kind: FrameKind, from place: inout UnitPlace, into decoded: inout DecodedUnit
    ) -> Int {
        guard bytes.count <= Self.maximumSize else { return 0 }
        let bytes = UnitBytes(bytes, base: 0, isTruncated: true)
        let eventsBefore = decoded.events.count
        switch place.form {
        case .unknown where kind == .binary || (kind == .longPoll && mayBeBatch(bytes)):
            let (end, enclosing) = bytes.decodeFrontOfBatch(within: ResponseBatchEnclosing(), into: &decoded)
            // It may be text after a line feed.
            guard decoded.events.count > eventsBefore else { return 0 }
            place = UnitPlace(form: .batch(enclosing))
            return end
        case .unknown:
            let first = bytes.afterWhitespace(bytes.beginning)
            let end = bytes.splitFront(from: first, into: &decoded)
            guard decoded.events.count > eventsBefore else { return 0 }
            place = UnitPlace(form: .envelopes)
            return end
        case .envelopes:
            return bytes.splitFront(from: bytes.afterWhitespace(0), into: &decoded)
        case .batch(let enclosing):
            let (end, enclosing) = bytes.decodeFrontOfBatch(within: enclosing, into: &decoded)
            place = UnitPlace(form: .batch(enclosing))
            return end
        }
    }
}
