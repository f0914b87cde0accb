import WebSocket

/// WebSocket frames, one event each, in the pieces that a socket gives. Foundation's WebSocket client cannot be had
/// without its socket, so nothing stands beside it.
enum FrameDecoding {
    static func measure(size: Int, isBinary: Bool) throws -> Measurement {
        let payload = SampleEvents.unit(mode: isBinary ? .protobuf : .text, size: size, events: 1)
        let frame = SampleEvents.frame(payload, isBinary: isBinary)
        let count = (4 << 20) / frame.count
        let stream = Array(repeatElement(frame, count: count).joined())
        var session = WebSocketSession { 0x5EED_5EED }
        var batch = MessageBatch()
        let piece = 64 * 1024
        return try Measurement.of(events: count, bytes: stream.count) {
            var seen = 0
            stream.withUnsafeBytes { bytes in
                for start in stride(from: 0, to: bytes.count, by: piece) {
                    let end = min(start + piece, bytes.count)
                    session.receive(UnsafeRawBufferPointer(rebasing: bytes[start..<end]), into: &batch)
                    seen += batch.messages.count
                    batch.removeAll()
                }
            }
            return seen
        }
    }
}
