import Glibc

/// Finds what was written beyond the cursor before the process died.
///
/// Where to look:
///
/// ```
///  events.ndjson      always: from the settled size on if it is the settled file, else all of it
///  events.ndjson.1    if the settled file is not that one: all of it …
///  events.ndjson.2    … and so on, until the settled file, read from the settled size on, or until a file
///  …                  that begins with what the cursor covers
///  any other name     if the settled file has it, from the settled size on
/// ```
struct FileRecovery {
    private(set) var lines = DeliveredLines()
    /// The oldest file's first. At most one of them can be ours: it is the last that was written.
    private(set) var torn: [TornLine] = []
    private(set) var notes: [SinkNote] = []
    /// The settled file has its name still.
    private(set) var isSettledFile = false
    /// The oldest part of a file that has something the cursor does not cover; until that has come again, it is where
    /// the next life has to begin to look.
    private(set) var oldest: FilePlace?

    private let cursor: UInt64
    private let place: FilePlace
    /// Files whose lines count, and which the disk may not have had yet.
    private var unsettled: [OutputFile] = []

    /// Former files that are looked at, at most; one more than are ever kept.
    private static let chainLimit = 1001

    /// - Parameters:
    ///   - file: open under the configured name.
    ///   - cursor: lines above it are looked for.
    init(_ file: OutputFile, place: FilePlace, cursor: UInt64) {
        self.cursor = cursor
        self.place = place
        isSettledFile = isSettled(file)
        if isSettledFile {
            scan(file, from: place.size, isOurs: place.isOurs)
            return
        }
        let moved = FileName(file.path).find(place.identity).flatMap(open).flatMap { isSettled($0) ? $0 : nil }
        if moved == nil {
            notes.append(
                SinkNote(message: "the file that was written last is not there any more", file: file.path))
        }
        var isInChain = false
        var misses = 0
        let reachesBack = scan(file, from: 0, isOurs: false)
        var number = 1
        while !reachesBack, !isInChain, number <= Self.chainLimit, misses < 2 {
            defer { number += 1 }
            guard let former = open("\(file.path).\(number)") else {
                // The names may have been on the move.
                misses += 1
                continue
            }
            isInChain = former.identity == moved?.identity
            if isInChain { break }
            unsettled.append(former)
            if scan(former, from: 0, isOurs: false) { break }
        }
        if let moved {
            unsettled.append(moved)
            scan(moved, from: place.size, isOurs: place.isOurs)
            notes.append(
                SinkNote(
                    level: .notice, message: "the file has been moved; it goes on under its name", file: moved.path))
        }
        torn.reverse()
    }

    /// Lets the disk have what counts as delivered.
    func synchronize() throws(SinkError) {
        for file in unsettled { try file.synchronize() }
    }

    private func open(_ path: String) -> OutputFile? {
        var status = stat()
        // Nothing else than files, so that opening does nothing to a device.
        guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return nil }
        return try? OutputFile(path: path, creates: false)
    }

    private func isSettled(_ file: OutputFile) -> Bool {
        file.identity == place.identity && file.size >= place.size && file.mark(before: place.size) == place.mark
    }

    /// True when the file begins with what the cursor covers, so that older files hold nothing else.
    @discardableResult
    private mutating func scan(_ file: OutputFile, from start: UInt64, isOurs: Bool) -> Bool {
        let cursor = cursor
        var lines = lines
        let scan = LineScan(file, from: start, stopsAtZero: isOurs) { line in
            if line.sequence > cursor { lines.insert(line) }
        }
        if lines.count > self.lines.count || scan.unfinished != nil {
            oldest = FilePlace(file, size: start, since: place.since, isOurs: isOurs)
        }
        self.lines = lines
        if let unfinished = scan.unfinished { torn.append(TornLine(file: file, start: unfinished, isOurs: isOurs)) }
        return scan.firstSequence.map { $0 <= cursor } ?? false
    }
}
