extension WebSocketSession {
    /// Buffers above this many bytes are given back when their message is complete.
    private static let largestKeptBuffer = 4096

    /// Takes the bytes that the socket gave, in whatever pieces. Complete messages are added to `batch`; pings are
    /// answered, and a violation queues its Close, in the outgoing bytes. Bytes after a Close or a violation are
    /// ignored. What was complete before a violation stays in the batch.
    public mutating func receive(_ chunk: UnsafeRawBufferPointer, into batch: inout MessageBatch) {
        guard var cursor = chunk.baseAddress else { return }
        let end = cursor + chunk.count
        while cursor < end && state != .closed {
            if messageKind == nil && frame == nil && partialHeader.isEmpty {
                cursor = receiveWholeMessages(from: cursor, to: end, into: &batch)
                if cursor == end { return }
            }
            do throws(ProtocolViolation) {
                cursor = try receivePart(from: cursor, to: end, into: &batch)
            } catch {
                fail(error)
            }
        }
    }

    /// The way of nearly all traffic: messages of one frame that lie whole in the chunk. Returns where it met anything
    /// else, be it an error, which the general way then finds again and names.
    private mutating func receiveWholeMessages(
        from start: UnsafeRawPointer, to end: UnsafeRawPointer, into batch: inout MessageBatch
    ) -> UnsafeRawPointer {
        var cursor = start
        let maximum = limits.maximumMessageSize
        while end - cursor >= 2 {
            let first = cursor.load(as: UInt8.self)
            guard first == 0x81 || first == 0x82 else { break }
            var length = Int(cursor.load(fromByteOffset: 1, as: UInt8.self))
            var payload = cursor + 2
            if length >= 126 {
                if length == 126 {
                    guard end - cursor >= 4 else { break }
                    length = Int(UInt16(bigEndian: payload.loadUnaligned(as: UInt16.self)))
                    payload += 2
                    guard length >= 126 else { break }
                } else {
                    guard length == 127, end - cursor >= 10 else { break }
                    let wide = UInt64(bigEndian: payload.loadUnaligned(as: UInt64.self))
                    payload += 8
                    guard wide >= 65536, wide <= UInt64(Int.max) else { break }
                    length = Int(wide)
                }
            }
            guard length <= end - payload, length <= maximum else { break }
            if first == 0x81 {
                guard UTF8Validator.isValid(UnsafeRawBufferPointer(start: payload, count: length)) else { break }
            }
            let offset = batch.bytes.count
            batch.bytes.append(
                contentsOf: UnsafeBufferPointer(
                    start: payload.assumingMemoryBound(to: UInt8.self), count: length))
            batch.messages.append(
                MessageBatch.Message(isBinary: first == 0x82, start: offset, end: offset &+ length))
            cursor = payload + length
        }
        return cursor
    }

    /// Takes one header, or as much of a frame's payload as there is.
    private mutating func receivePart(
        from start: UnsafeRawPointer, to end: UnsafeRawPointer, into batch: inout MessageBatch
    ) throws(ProtocolViolation) -> UnsafeRawPointer {
        var cursor = start
        if frame == nil {
            guard let header = try takeHeader(&cursor, end) else { return end }
            try begin(header)
        }
        guard let current = frame else { return cursor }
        let count = min(frameRemaining, end - cursor)
        if count > 0 {
            try takePayload(current.opcode, cursor, count, into: &batch)
            frameRemaining -= count
            cursor += count
        }
        if frameRemaining == 0 {
            frame = nil
            try finishFrame(current, into: &batch)
        }
        return cursor
    }

    /// Moves `cursor` behind the header. Nil when the chunk ends within it: its bytes are kept then.
    private mutating func takeHeader(
        _ cursor: inout UnsafeRawPointer, _ end: UnsafeRawPointer
    ) throws(ProtocolViolation) -> FrameHeader? {
        if partialHeader.isEmpty {
            let available = UnsafeRawBufferPointer(start: cursor, count: end - cursor)
            if let header = try FrameHeader(available) {
                cursor += header.size
                return header
            }
        }
        while cursor < end {
            partialHeader.append(cursor.load(as: UInt8.self))
            cursor += 1
            if let header = try Self.header(in: partialHeader) {
                partialHeader.removeAll(keepingCapacity: true)
                return header
            }
        }
        return nil
    }

    private static func header(in bytes: [UInt8]) throws(ProtocolViolation) -> FrameHeader? {
        try bytes.withUnsafeBufferPointer { bytes throws(ProtocolViolation) in
            try FrameHeader(UnsafeRawBufferPointer(bytes))
        }
    }

    private mutating func begin(_ header: FrameHeader) throws(ProtocolViolation) {
        if !header.opcode.isControl {
            if header.opcode == .continuation {
                guard messageKind != nil else { throw .framing("continuation of no message", "5.4") }
            } else {
                guard messageKind == nil else { throw .framing("new message within a fragmented one", "5.4") }
                messageKind = header.opcode
            }
            guard header.length <= limits.maximumMessageSize - handedOut - message.count else { throw .tooBig }
        }
        frame = header
        frameRemaining = header.length
    }

    private mutating func takePayload(
        _ opcode: Opcode, _ start: UnsafeRawPointer, _ count: Int, into batch: inout MessageBatch
    ) throws(ProtocolViolation) {
        let bytes = UnsafeBufferPointer(start: start.assumingMemoryBound(to: UInt8.self), count: count)
        if opcode.isControl {
            control.append(contentsOf: bytes)
            return
        }
        if messageKind == .text && !validator.accept(start, count: count) {
            throw .notUTF8("text message is not UTF-8")
        }
        message.append(contentsOf: bytes)
        if let size = limits.frontSize, message.count >= size {
            handedOut += message.count
            handOut(.front, into: &batch)
        }
    }

    private mutating func finishFrame(
        _ header: FrameHeader, into batch: inout MessageBatch
    ) throws(ProtocolViolation) {
        guard header.opcode.isControl else {
            if header.isFinal { try finishMessage(into: &batch) }
            return
        }
        defer { control.removeAll(keepingCapacity: true) }
        switch header.opcode {
        case .ping:
            receivedPing(control)
        case .pong:
            pongsReceived &+= 1
            lastPong = control
        default:
            let frame = try control.withUnsafeBufferPointer { payload throws(ProtocolViolation) in
                try CloseFrame(payload: UnsafeRawBufferPointer(payload))
            }
            receivedClose(frame)
        }
    }

    private mutating func finishMessage(into batch: inout MessageBatch) throws(ProtocolViolation) {
        let isText = messageKind == .text
        // At a boundary the validator is as new, ready for the next message.
        guard !isText || validator.isAtBoundary else { throw .notUTF8("text message ends within a character") }
        handOut(handedOut == 0 ? .whole : .rest, into: &batch)
        messageKind = nil
        handedOut = 0
    }

    private mutating func handOut(_ extent: MessageBatch.Extent, into batch: inout MessageBatch) {
        let start = batch.bytes.count
        if start == 0 && message.count > Self.largestKeptBuffer {
            // What is large and alone in its batch is handed over, not copied.
            batch.bytes = message
        } else {
            batch.bytes.append(contentsOf: message)
        }
        batch.messages.append(
            MessageBatch.Message(
                isBinary: messageKind == .binary, start: start, end: batch.bytes.count, extent: extent))
        message.removeAll(keepingCapacity: message.capacity <= Self.largestKeptBuffer)
    }
}
