/// A message's position in the push server's stream ("mid"): 26 decimal digits.
///
/// ```
///  17000000000000000000000042
///  └────┬───┘└──────┬───────┘
///   10 digits    16 digits
///   the second   a counter common to all channels
///   the store    and portals of the server
///   was made
/// ```
///
/// The order of ids is the order of their digits. It says nothing about time, gaps are normal, and messages may arrive
/// out of order. An id of any other form cannot be sent to a server (it would be ignored silently), so such an id has
/// no value of this type.
public struct MessageID: Hashable, Comparable, Sendable {
    /// Digits in the text form.
    public static let length = 26
    /// Lower than every id a server hands out: "everything retained".
    public static let zero = MessageID(generation: 0, counter: 0)

    /// The first ten digits: below 10^10.
    public let generation: UInt64
    /// The last sixteen digits: below 10^16.
    public let counter: UInt64

    public init(generation: UInt64, counter: UInt64) {
        precondition(generation < 10_000_000_000 && counter < 10_000_000_000_000_000)
        self.generation = generation
        self.counter = counter
    }

    /// The id written in `digits`; nil unless these are exactly 26 decimal ASCII digits.
    @inlinable
    public init?(digits: UnsafeRawBufferPointer) {
        guard digits.count == Self.length else { return nil }
        var generation: UInt64 = 0
        var counter: UInt64 = 0
        var invalid = false
        for index in 0..<10 {
            let digit = digits[index] &- 0x30
            invalid = invalid || digit > 9
            generation = generation &* 10 &+ UInt64(digit)
        }
        for index in 10..<26 {
            let digit = digits[index] &- 0x30
            invalid = invalid || digit > 9
            counter = counter &* 10 &+ UInt64(digit)
        }
        if invalid { return nil }
        self.generation = generation
        self.counter = counter
    }

    public init?(_ text: String) {
        var text = text
        guard let id = text.withUTF8({ MessageID(digits: UnsafeRawBufferPointer($0)) }) else { return nil }
        self = id
    }

    /// The highest id below this one; itself at the lower end.
    public var predecessor: MessageID {
        if counter > 0 { return MessageID(generation: generation, counter: counter - 1) }
        return generation > 0 ? MessageID(generation: generation - 1, counter: 9_999_999_999_999_999) : self
    }

    /// The lowest id above this one; itself at the upper end.
    public var successor: MessageID {
        if counter < 9_999_999_999_999_999 { return MessageID(generation: generation, counter: counter + 1) }
        return generation < 9_999_999_999 ? MessageID(generation: generation + 1, counter: 0) : self
    }

    public static func < (left: MessageID, right: MessageID) -> Bool {
        (left.generation, left.counter) < (right.generation, right.counter)
    }

    /// Writes the 26 digits at `target`, which must have room for them.
    @inlinable
    public func write(to target: UnsafeMutablePointer<UInt8>) {
        var rest = counter
        for index in stride(from: 25, through: 10, by: -1) {
            target[index] = 0x30 &+ UInt8(truncatingIfNeeded: rest % 10)
            rest /= 10
        }
        rest = generation
        for index in stride(from: 9, through: 0, by: -1) {
            target[index] = 0x30 &+ UInt8(truncatingIfNeeded: rest % 10)
            rest /= 10
        }
    }
}

extension MessageID: CustomStringConvertible {
    public var description: String {
        String(unsafeUninitializedCapacity: Self.length) { buffer in
            if let base = buffer.baseAddress { write(to: base) }
            return Self.length
        }
    }
}
