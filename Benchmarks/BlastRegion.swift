import Foundation

/// Frames ready to be sent, again and again: before each pass the message ids count on, a store of eight or four bytes
/// for each.
final class BlastRegion {
    let frames: Int
    let eventsPerFrame: Int
    let byteCount: Int
    private let bytes: UnsafeMutableRawPointer
    private let mode: SampleEvents.Mode
    private let places: [Int]
    /// Every frame has the same length.
    private let frameLength: Int

    init(mode: SampleEvents.Mode, size: Int, eventsPerFrame: Int, targetBytes: Int = 1 << 20) {
        self.mode = mode
        self.eventsPerFrame = eventsPerFrame
        let body = SampleEvents.body(for: size)
        let sample = SampleEvents.unit(mode: mode, size: size, events: eventsPerFrame)
        frameLength = SampleEvents.frame(sample, isBinary: mode == .protobuf).count
        frames = max(1, targetBytes / frameLength)
        var all: [UInt8] = []
        var places: [Int] = []
        for frame in 0..<frames {
            var payload: [UInt8] = []
            var inPayload: [Int] = []
            for event in 0..<eventsPerFrame {
                let index = frame * eventsPerFrame + event
                switch mode {
                case .text:
                    let envelope = SampleEvents.envelope(around: body, index: index)
                    inPayload += envelope.places.map { $0 + payload.count }
                    payload += envelope.bytes
                case .protobuf:
                    let message = SampleEvents.message(around: body, index: index)
                    inPayload.append(message.place + payload.count)
                    payload += message.bytes
                }
            }
            let unit = mode == .protobuf ? SampleEvents.batch(payload) : payload
            let whole = SampleEvents.frame(unit, isBinary: mode == .protobuf)
            let lead = all.count + whole.count - payload.count
            places += inPayload.map { $0 + lead }
            all += whole
        }
        byteCount = all.count
        self.places = places
        bytes = .allocate(byteCount: all.count, alignment: 64)
        bytes.copyMemory(from: all, byteCount: all.count)
    }

    deinit {
        bytes.deallocate()
    }

    /// The first `count` frames, their messages numbered from `first` on. Below 100,000,000.
    func prepare(numbersFrom first: Int, frames count: Int) -> UnsafeRawBufferPointer {
        var number = UInt32(first)
        let events = count * eventsPerFrame
        switch mode {
        case .text:
            for event in 0..<events {
                let digits = Self.digits(of: number) | 0x3030_3030_3030_3030
                bytes.storeBytes(of: digits, toByteOffset: places[2 * event], as: UInt64.self)
                bytes.storeBytes(of: digits, toByteOffset: places[2 * event + 1], as: UInt64.self)
                number += 1
            }
        case .protobuf:
            for event in 0..<events {
                // Eight digits in eight bytes, the first one lowest; two of them make a byte.
                let digits = Self.digits(of: number)
                var packed: UInt32 = 0
                for byte in 0..<4 {
                    let pair = digits >> UInt64(16 * byte)
                    packed |= UInt32((pair & 0xF) << 4 | pair >> 8 & 0xF) << UInt32(8 * byte)
                }
                bytes.storeBytes(of: packed, toByteOffset: places[event], as: UInt32.self)
                number += 1
            }
        }
        return UnsafeRawBufferPointer(start: bytes, count: frameLength * count)
    }

    /// The eight decimal digits of a number, one a byte, the first one in the lowest byte: halves, quarters and eighths
    /// are divided side by side.
    private static func digits(of number: UInt32) -> UInt64 {
        let halves = UInt64(number / 10_000) | UInt64(number % 10_000) << 32
        let hundreds = (halves &* 10_486) >> 20 & 0x7F_0000_007F
        let quarters = hundreds | (halves &- hundreds &* 100) << 16
        let tens = (quarters &* 103) >> 10 & 0x000F_000F_000F_000F
        return tens | (quarters &- tens &* 10) << 8
    }
}
