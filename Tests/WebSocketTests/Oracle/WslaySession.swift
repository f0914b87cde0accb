import CWslay

/// wslay, an independent implementation of RFC 6455 in C, in the client's role and fed from memory.
final class WslaySession {
    private(set) var messages: [ReceivedMessage] = []
    /// The Close frame received: code (0 without one) and reason.
    private(set) var close: (code: UInt16, reason: [UInt8])?
    /// A frame header was wrong. wslay then closes without a code.
    private(set) var sawWrongHeader = false
    private var sent: [UInt8] = []
    private var chunk: ArraySlice<UInt8> = []

    /// Feeds `input` cut at `cuts`; gives what was sent, frame by frame, or nil when wslay itself fails.
    func receive(_ input: [UInt8], cuts: [Int]) -> [ClientFrame]? {
        var callbacks = wslay_event_callbacks()
        callbacks.recv_callback = { context, buffer, length, _, user in
            guard let session = WslaySession.from(user), let buffer, !session.chunk.isEmpty else {
                wslay_event_set_error(context, Int32(WSLAY_ERR_WOULDBLOCK.rawValue))
                return -1
            }
            let part = session.chunk.prefix(length)
            part.withUnsafeBytes {
                UnsafeMutableRawPointer(buffer).copyMemory(from: $0.baseAddress ?? .init(buffer), byteCount: $0.count)
            }
            session.chunk = session.chunk.dropFirst(part.count)
            return part.count
        }
        callbacks.send_callback = { _, data, length, _, user in
            WslaySession.from(user)?.sent += Array(UnsafeBufferPointer(start: data, count: length))
            return length
        }
        callbacks.genmask_callback = { _, buffer, length, _ in
            for index in 0..<length { buffer?[index] = UInt8(truncatingIfNeeded: index + 1) }
            return 0
        }
        callbacks.on_msg_recv_callback = { context, argument, user in
            guard let argument = argument?.pointee else { return }
            let bytes = Array(UnsafeBufferPointer(start: argument.msg, count: argument.msg_length))
            switch argument.opcode {
            case 0x1, 0x2:
                WslaySession.from(user)?.messages.append(
                    ReceivedMessage(isBinary: argument.opcode == 0x2, bytes: bytes))
            case 0x9:
                // A Close would overtake the pong that is queued now.
                wslay_event_send(context)
            case 0x8:
                WslaySession.from(user)?.close = (argument.status_code, Array(bytes.dropFirst(2)))
            default:
                break
            }
        }
        var context: wslay_event_context_ptr?
        let user = Unmanaged.passUnretained(self).toOpaque()
        guard wslay_event_context_client_init(&context, &callbacks, user) == 0 else { return nil }
        defer { wslay_event_context_free(context) }
        var start = 0
        for cut in cuts + [input.count] {
            chunk = input[start..<cut]
            start = cut
            while wslay_event_want_read(context) != 0 && !chunk.isEmpty {
                let result = wslay_event_recv(context)
                sawWrongHeader = result == WSLAY_ERR_CALLBACK_FAILURE.rawValue
                guard result == 0 || sawWrongHeader else { return nil }
            }
        }
        while wslay_event_want_write(context) != 0 {
            guard wslay_event_send(context) == 0 else { return nil }
        }
        return ClientFrame.parse(sent)
    }

    private static func from(_ user: UnsafeMutableRawPointer?) -> WslaySession? {
        user.map { Unmanaged<WslaySession>.fromOpaque($0).takeUnretainedValue() }
    }
}
