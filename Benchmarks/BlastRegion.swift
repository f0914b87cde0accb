import Foundation

/// Frames ready to be sent, again and again: before each pass the message ids get new digits, a store of eight or four
/// bytes for each.
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

    /// The first `count` frames with the ids of a pass.
    func prepare(pass: Int, frames count: Int) -> UnsafeRawBufferPointer {
        var rest = SampleEvents.firstPass + pass
        var digits: UInt64 = 0
        var packed: UInt32 = 0
        for place in 0..<8 {
            let digit = rest % 10
            rest /= 10
            digits |= UInt64(0x30 + digit) << UInt64(56 - 8 * place)
            packed |= UInt32(digit) << UInt32(4 * place)
        }
        let perFrame = places.count / frames
        for place in places.prefix(perFrame * count) {
            switch mode {
            case .text: bytes.storeBytes(of: digits, toByteOffset: place, as: UInt64.self)
            case .protobuf: bytes.storeBytes(of: packed.bigEndian, toByteOffset: place, as: UInt32.self)
            }
        }
        return UnsafeRawBufferPointer(start: bytes, count: frameLength * count)
    }
}
