import Glibc
import Timing

/// The file of a `FileSink`: which one is written to at the moment, what stands in it, when it is followed by another.
///
/// Nothing is lost when somebody moves or removes it: its name is looked at before a line is written, some times a
/// second, and always before it counts as settled. What was written since the last look to a file that was removed is
/// written again to the next.
final class LineFile: LineDestination {
    let name: String
    let closedIsFinal = false
    var delivered = DeliveredLines()

    private let rotation: FileRotation?
    private let time: TimeSource
    private var file: OutputFile
    private var torn: [TornLine] = []
    private var notes: [SinkNote] = []

    /// Behind it is everything that is not reported.
    private var place: FilePlace?
    /// Unix seconds of the file's first line.
    private var since: Int64
    private var lookedAt: Duration?
    /// The file had its name when it was so long.
    private var namedSize: UInt64
    /// What was written to removed files after that, from there on.
    private var removed: [(file: OutputFile, offset: UInt64)] = []
    private var hasNewName: Bool
    /// After a rotation that did not succeed.
    private var nextRotation: Duration?

    private static let lookInterval = Duration.milliseconds(250)
    private static let rotationRetry = Duration.seconds(60)

    /// Opens the file.
    ///
    /// - Throws: as `OutputFile.init`.
    init(path: String, rotation: FileRotation?, time: TimeSource) throws(SinkError) {
        name = path
        self.rotation = rotation
        self.time = time
        file = try OutputFile(path: path, creates: true)
        since = file.isNew ? Int64(time.now().wall) : file.changedAt
        namedSize = file.size
        hasNewName = file.isNew
    }

    // MARK: beginning and settling

    /// Finds out what stands in the files beyond the cursor. Returns true when a line break is to be written first.
    func begin(at sequence: UInt64, place text: String) throws(SinkError) -> Bool {
        guard file.isRegular else { return false }
        guard let place = FilePlace(text) else { return file.endsWithinLine }
        let recovery = FileRecovery(file, place: place, cursor: sequence)
        try recovery.synchronize()
        delivered = recovery.lines
        torn = recovery.torn
        notes += recovery.notes
        if recovery.isSettledFile { since = place.since }
        self.place = recovery.oldest
        // A last line that is neither ours nor torn by us.
        return file.endsWithinLine && !torn.contains { $0.file === file }
    }

    /// - Parameter isWithinDelivery: some of the lines in the file are not yet reported.
    /// - Returns: the place that goes with what is reported.
    func settle(isWithinDelivery: Bool) throws(SinkError) -> String {
        guard file.isRegular else { return "" }
        if !isWithinDelivery {
            try look()
            try writeRemoved()
        }
        try file.synchronize()
        if hasNewName {
            try FileName(name).synchronizeDirectory()
            hasNewName = false
        }
        // An older place is always right: from there on more is read than need be.
        if isWithinDelivery || !torn.isEmpty || !delivered.isEmpty, let place { return place.text }
        let place = FilePlace(file, size: file.size, since: since, isOurs: true)
        self.place = place
        return place.text
    }

    /// Lets the next line go to the file that has the name then.
    func reopen(isWithinDelivery: Bool) throws(SinkError) {
        lookedAt = nil
        if file.isRegular, !isWithinDelivery { try look() }
    }

    func takeNotes() -> [SinkNote] {
        defer { notes = [] }
        return notes
    }

    // MARK: writing

    func admit(_ lines: UnsafeRawBufferPointer) throws(SinkError) -> Admission {
        guard file.isRegular else { return Admission(done: 0, room: lines.count) }
        let now = time.now()
        if lookedAt.map({ now.monotonic - $0 >= Self.lookInterval }) ?? true { try look() }
        try writeRemoved()
        if !torn.isEmpty {
            let first = Self.wholeLines(of: lines, upTo: 0)
            if try endTornLine(with: UnsafeRawBufferPointer(rebasing: lines[..<first])) {
                return Admission(done: first, room: 0)
            }
        }
        guard let rotation else { return Admission(done: 0, room: lines.count) }
        var size = file.size
        if size > 0, isDue(rotation, size, lines, now) {
            try rotate(rotation)
            size = file.size
        }
        if size == 0 { since = Int64(now.wall) }
        guard let limit = rotation.size else { return Admission(done: 0, room: lines.count) }
        let room = limit > size ? Int(clamping: limit - size) : 0
        return Admission(done: 0, room: Self.wholeLines(of: lines, upTo: room))
    }

    func write(_ bytes: UnsafeRawBufferPointer) -> DescriptorWriter.Step { file.write(bytes) }

    func takesBack(_ part: UnsafeRawBufferPointer) -> Bool {
        // Whatever it is that was waited for, the name may mean another file now.
        lookedAt = nil
        guard file.isRegular, FileIdentity(path: name) != file.identity else { return false }
        let (start, isShorter) = file.size.subtractingReportingOverflow(UInt64(part.count))
        let half = TornLine(file: file, start: start, isOurs: true)
        // Behind another program's line it cannot be taken back; it stays there, and the whole line follows elsewhere.
        if !isShorter, half.isSame(as: part) { try? file.cut(to: start) }
        return true
    }

    /// How many bytes the lines have that end within `limit`, and the first one in any case.
    private static func wholeLines(of lines: UnsafeRawBufferPointer, upTo limit: Int) -> Int {
        guard let base = lines.baseAddress, limit < lines.count else { return lines.count }
        let feed = Int32(UInt8(ascii: "\n"))
        if let last = lines[..<limit].lastIndex(of: UInt8(ascii: "\n")) { return last + 1 }
        guard let first = memchr(base, feed, lines.count) else { return lines.count }
        return UnsafeRawPointer(first) - base + 1
    }

    /// Whether `line` has been written, as the rest of what a dead process left. What is no part of it goes.
    private func endTornLine(with line: UnsafeRawBufferPointer) throws(SinkError) -> Bool {
        while let half = torn.first {
            if half.isPart(of: line) {
                try half.complete(with: line)
                if half.file !== file { try half.file.synchronize() }
                torn.removeFirst()
                return true
            }
            if half.mayBeCut {
                try half.file.cut(to: half.start)
                notes.append(
                    SinkNote(message: "cut off the end of the file, which was no whole line", file: half.file.path))
            } else if half.file === file {
                let lineFeed = UInt8(ascii: "\n")
                try withUnsafeBytes(of: lineFeed) { bytes throws(SinkError) in try file.writeAll(bytes) }
            }
            torn.removeFirst()
        }
        return false
    }

    // MARK: another file under the name

    /// Opens the file that has the name now, if it is another.
    private func look() throws(SinkError) {
        let size = file.size
        if FileIdentity(path: name) == file.identity {
            namedSize = size
        } else {
            try change(to: try OutputFile(path: name, creates: true))
        }
        lookedAt = time.now().monotonic
    }

    private func change(to next: OutputFile) throws(SinkError) {
        if file.hasName {
            try file.synchronize()
        } else if file.size > namedSize {
            removed.append((file, namedSize))
        }
        file = next
        namedSize = next.size
        since = next.isNew ? Int64(time.now().wall) : next.changedAt
        hasNewName = hasNewName || next.isNew
    }

    /// Writes again what only a removed file has.
    private func writeRemoved() throws(SinkError) {
        guard !removed.isEmpty else { return }
        let piece = UnsafeMutableRawBufferPointer.allocate(byteCount: OutputFile.pieceSize, alignment: 16)
        defer { piece.deallocate() }
        while let (source, offset) = removed.first {
            let count = source.read(at: offset, into: piece)
            if count == 0 {
                removed.removeFirst()
                continue
            }
            switch file.write(UnsafeRawBufferPointer(rebasing: piece[..<count])) {
            case .wrote(let written): removed[0].offset += UInt64(written)
            case .stalled: continue
            case .failed(let error): throw error
            }
        }
    }

    // MARK: rotation

    private func isDue(
        _ rotation: FileRotation, _ size: UInt64, _ lines: UnsafeRawBufferPointer, _ now: Moment
    ) -> Bool {
        if let nextRotation, now.monotonic < nextRotation { return false }
        if let limit = rotation.size, size + UInt64(Self.wholeLines(of: lines, upTo: 0)) > limit { return true }
        guard let age = rotation.age else { return false }
        return now.wall - Double(since) >= age.inSeconds
    }

    /// A directory in which names cannot be changed is no reason to stop: the file grows on, and it is tried again
    /// after a minute.
    private func rotate(_ rotation: FileRotation) throws(SinkError) {
        try file.synchronize()
        do throws(SinkError) {
            var status = stat()
            guard lstat(name, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
                throw SinkError(code: .system, message: "\(name) is a symbolic link")
            }
            for step in rotation.steps(for: name, exists: { FileIdentity(path: $0) != nil }) { try step.perform() }
        } catch {
            notes.append(SinkNote(message: "the file cannot be rotated: \(error.message)", file: name))
            nextRotation = time.now().monotonic + Self.rotationRetry
            return
        }
        nextRotation = nil
        // Whatever was in a file that is not kept has been there long enough.
        namedSize = file.size
        hasNewName = true
        try look()
    }
}
