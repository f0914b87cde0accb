/// Category 9: limits and volume. Sizes above 1 MiB are a quarter of the suite's, fragmented and chopped totals an
/// eighth.
let volumeCases: [ConformanceCase] = {
    var cases: [ConformanceCase] = []
    for (kind, opcode) in [(1, UInt8(0x1)), (2, UInt8(0x2))] {
        let name = kind == 1 ? "text" : "binary"
        func message(_ payload: [UInt8]) -> ReceivedMessage { ReceivedMessage(isBinary: kind == 2, bytes: payload) }
        func add(
            _ number: String, _ title: String, _ bytes: [UInt8], _ payload: [UInt8], count: Int = 1, chop: Int? = nil
        ) {
            cases.append(
                ConformanceCase(
                    number, title, "5.2", [bytes], messages: Array(repeating: message(payload), count: count),
                    chop: chop))
        }
        for (index, size) in [64, 256, 1024, 1024, 2048, 4096].enumerated() {
            let payload = asciiPayload(size * 1024 + index)
            add("9.\(kind).\(index + 1)", "\(name) of \(payload.count) bytes", Server.frame(opcode, payload), payload)
        }
        let half = asciiPayload(512 * 1024)
        for (index, size) in [64, 256, 1024, 4096, 16384, 65536, 131_072, 262_144, 524_288].enumerated() {
            add(
                "9.\(kind + 2).\(index + 1)", "\(name) of 512 KiB in frames of \(size) bytes",
                Server.fragmented(opcode, half, size: size), half, chop: 4096)
        }
        let eighth = asciiPayload(128 * 1024)
        for (index, size) in [64, 128, 256, 512, 1024, 2048].enumerated() {
            add(
                "9.\(kind + 4).\(index + 1)", "\(name) of 128 KiB in pieces of \(size) bytes",
                Server.frame(opcode, eighth), eighth, chop: size)
        }
        for (index, size) in [0, 16, 64, 256, 1024, 4096].enumerated() {
            let payload = asciiPayload(size)
            let count = size < 1024 ? 1000 : 100
            let frame = Server.frame(opcode, payload)
            add(
                "9.\(kind + 6).\(index + 1)", "\(count) messages of \(size) bytes, \(name)",
                (0..<count).reduce(into: []) { bytes, _ in bytes += frame }, payload, count: count,
                chop: 16_384)
        }
    }
    return cases
}()
