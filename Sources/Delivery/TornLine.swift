import Glibc

/// The end of a file that is no whole line: a write was cut short by the death of the process, or of the machine.
struct TornLine {
    let file: OutputFile
    /// Where it begins.
    let start: UInt64
    /// Nobody else's: it stands where only the program has written.
    let isOurs: Bool

    /// Whether it stands at the beginning of `line`, and something of that is missing.
    func isPart(of line: UnsafeRawBufferPointer) -> Bool {
        guard let length, length < line.count else { return false }
        return begins(line, length)
    }

    /// Whether it is `text`, no less and no more.
    func isSame(as text: UnsafeRawBufferPointer) -> Bool {
        length == text.count && begins(text, text.count)
    }

    private func begins(_ line: UnsafeRawBufferPointer, _ length: Int) -> Bool {
        let piece = UnsafeMutableRawBufferPointer.allocate(
            byteCount: min(OutputFile.pieceSize, max(1, length)), alignment: 16)
        defer { piece.deallocate() }
        var at = 0
        while at < length {
            let part = UnsafeMutableRawBufferPointer(rebasing: piece[..<min(piece.count, length - at)])
            let count = file.read(at: start + UInt64(at), into: part)
            guard count > 0, let have = piece.baseAddress, let want = line.baseAddress,
                memcmp(have, want + at, count) == 0
            else { return false }
            at += count
        }
        return true
    }

    /// Writes the rest of `line`, which it is a part of.
    func complete(with line: UnsafeRawBufferPointer) throws(SinkError) {
        guard let length, length < line.count else { return }
        try file.writeAll(UnsafeRawBufferPointer(rebasing: line[length...]))
    }

    /// Whether its bytes may be thrown away: not if they look like another program's.
    var mayBeCut: Bool {
        if isOurs { return true }
        return withUnsafeTemporaryAllocation(byteCount: 7, alignment: 1) { buffer in
            LineScan.beginsAsOurs(
                UnsafeRawBufferPointer(rebasing: buffer[..<file.read(at: start, into: buffer)]))
        }
    }

    /// Nil when the file has become shorter.
    private var length: Int? {
        let size = file.size
        return size >= start ? Int(exactly: size - start) : nil
    }
}
