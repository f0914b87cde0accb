import Events
import Glibc

/// Reads a file's lines, a piece at a time, and finds ours among them by their beginning:
///
/// ```
/// {"seq":41,"portal":"acme",…
/// ```
struct LineScan {
    /// Of the first line of ours.
    private(set) var firstSequence: UInt64?
    /// Where the last line begins, if it has no line feed or the file is damaged from there on.
    private(set) var unfinished: UInt64?

    /// The beginning of a line that two pieces share is kept up to here; portals' names are far shorter.
    private static let headLimit = 4096

    private var head: [UInt8] = []
    private var lineStart: UInt64

    /// - Parameters:
    ///   - stopsAtZero: a byte of zero stands for a block that the disk never got, when the power went: from its line
    ///     on nothing counts. Only for parts of a file that the program itself has written.
    ///   - found: called for each complete line of ours, in the order of the file.
    init(
        _ file: OutputFile, from start: UInt64, stopsAtZero: Bool, found: (DeliveredLines.Line) -> Void
    ) {
        lineStart = start
        let piece = UnsafeMutableRawBufferPointer.allocate(byteCount: OutputFile.pieceSize, alignment: 16)
        defer { piece.deallocate() }
        var offset = start
        while true {
            let count = file.read(at: offset, into: piece)
            if count == 0 { break }
            var bytes = UnsafeRawBufferPointer(rebasing: piece[..<count])
            let zero = stopsAtZero ? Self.position(of: 0, in: bytes) : nil
            if let zero { bytes = UnsafeRawBufferPointer(rebasing: bytes[..<zero]) }
            read(bytes, at: offset, found)
            offset += UInt64(count)
            if zero != nil {
                unfinished = lineStart
                return
            }
        }
        if lineStart < offset { unfinished = lineStart }
    }

    private mutating func read(
        _ bytes: UnsafeRawBufferPointer, at offset: UInt64, _ found: (DeliveredLines.Line) -> Void
    ) {
        var rest = bytes
        while let end = Self.position(of: UInt8(ascii: "\n"), in: rest) {
            let line = UnsafeRawBufferPointer(rebasing: rest[..<end])
            if head.isEmpty {
                report(line, found)
            } else {
                keep(line)
                head.withUnsafeBytes { report($0, found) }
                head.removeAll(keepingCapacity: true)
            }
            rest = UnsafeRawBufferPointer(rebasing: rest[(end + 1)...])
            lineStart = offset + UInt64(bytes.count - rest.count)
        }
        keep(rest)
    }

    private mutating func keep(_ part: UnsafeRawBufferPointer) {
        head.append(contentsOf: part.prefix(Self.headLimit - head.count))
    }

    private mutating func report(_ line: UnsafeRawBufferPointer, _ found: (DeliveredLines.Line) -> Void) {
        guard let line = Self.line(line) else { return }
        if firstSequence == nil { firstSequence = line.sequence }
        found(line)
    }

    private static func position(of byte: UInt8, in bytes: UnsafeRawBufferPointer) -> Int? {
        guard let base = bytes.baseAddress, let hit = memchr(base, Int32(byte), bytes.count) else { return nil }
        return UnsafeRawPointer(hit) - base
    }

    // MARK: the beginning of a line

    private static let opening = Array(#"{"seq":"#.utf8)
    private static let portal = Array(#","portal":""#.utf8)

    /// Whether a line begins as ours do, as far as it goes.
    static func beginsAsOurs(_ bytes: UnsafeRawBufferPointer) -> Bool {
        bytes.prefix(opening.count).elementsEqual(opening.prefix(bytes.count))
    }

    private static let mid = Array(#","mid":""#.utf8)

    /// Of what follows the portal.
    private static func id(_ bytes: UnsafeRawBufferPointer) -> MessageID? {
        guard bytes.starts(with: mid), bytes.count >= mid.count + MessageID.length else { return nil }
        return MessageID(digits: UnsafeRawBufferPointer(rebasing: bytes[mid.count..<mid.count + MessageID.length]))
    }

    /// What line of ours this is; nil for others.
    static func line(_ bytes: UnsafeRawBufferPointer) -> DeliveredLines.Line? {
        guard bytes.starts(with: opening) else { return nil }
        var at = opening.count
        var sequence: UInt64 = 0
        while at < bytes.count, case let digit = bytes[at] &- 0x30, digit < 10 {
            let (tens, first) = sequence.multipliedReportingOverflow(by: 10)
            let (sum, second) = tens.addingReportingOverflow(UInt64(digit))
            if first || second { return nil }
            sequence = sum
            at += 1
        }
        let name = at
        guard at > opening.count, bytes[name...].starts(with: portal) else { return nil }
        at += portal.count
        while at < bytes.count, bytes[at] != UInt8(ascii: "\"") {
            at += bytes[at] == UInt8(ascii: "\\") ? 2 : 1
        }
        guard at < bytes.count else { return nil }
        return DeliveredLines.Line(
            sequence: sequence, portal: fingerprint(UnsafeRawBufferPointer(rebasing: bytes[name...at])),
            id: id(UnsafeRawBufferPointer(rebasing: bytes[(at + 1)...])))
    }
}
