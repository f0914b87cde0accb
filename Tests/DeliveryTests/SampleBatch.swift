import Events

/// Builds a batch from the texts of its events, with the offsets that the parser would give.
struct SampleBatch {
    var batch: EventBatch

    /// 2026-11-22T09:00:00.123456Z
    static let receivedAt: Int64 = 1_795_338_000_123_456

    init(portal: String = "acme", firstSequence: UInt64 = 41) {
        batch = EventBatch(portal: portal, receivedAt: Self.receivedAt, bytes: [], events: [])
        batch.firstSequence = firstSequence
    }

    /// Any body; the slices are found in it by their text.
    mutating func add(
        _ body: String, shape: BodyShape, module: String? = nil, command: String? = nil, params: String? = nil,
        extra: String? = nil, _ change: (inout Event) -> Void = { _ in }
    ) {
        add(Array(body.utf8), shape: shape) { event in
            event.module = Self.find(module, in: body, offset: Int(event.body.start))
            event.command = Self.find(command, in: body, offset: Int(event.body.start))
            event.params = Self.find(params, in: body, offset: Int(event.body.start))
            event.extra = Self.find(extra, in: body, offset: Int(event.body.start))
            change(&event)
        }
    }

    mutating func add(_ body: [UInt8], shape: BodyShape, _ change: (inout Event) -> Void = { _ in }) {
        // Something before each body, so that offsets are not by chance right.
        batch.bytes += Array("#!NGINXNMS!#".utf8)
        var event = Event()
        event.body = ByteRange(batch.bytes.count..<batch.bytes.count + body.count)
        event.shape = shape
        batch.bytes += body
        change(&event)
        batch.events.append(event)
    }

    /// The usual message of an application.
    mutating func addUsual(command: String = "order.paid", number: UInt64 = 42) {
        add(
            #"{"module_id":"application","command":"\#(command)","params":{"id":\#(number)},"extra":{}}"#,
            shape: .object, module: "application", command: command, params: "{\"id\":\(number)}", extra: "{}"
        ) { $0.id = MessageID(generation: 1_700_000_000, counter: number) }
    }

    /// A record of what cannot be had any more.
    mutating func addGap(_ body: String = #"{"reason":"retention"}"#) {
        add(Array(body.utf8), shape: .gap)
    }

    static func usual(portal: String = "acme", first: UInt64 = 1, count: Int, command: String = "order.paid")
        -> EventBatch
    {
        var sample = SampleBatch(portal: portal, firstSequence: first)
        for number in 0..<count { sample.addUsual(command: command, number: UInt64(number)) }
        return sample.batch
    }

    private static func find(_ text: String?, in body: String, offset: Int) -> ByteRange {
        guard let text, let range = body.range(of: text) else { return .absent }
        let start = body.utf8.distance(from: body.startIndex, to: range.lowerBound)
        return ByteRange(offset + start..<offset + start + text.utf8.count)
    }
}
