/// Where a `LineOutput` writes to.
protocol LineDestination: AnyObject {
    /// For people.
    var name: String { get }
    /// A reader that has gone away does not come back.
    var closedIsFinal: Bool { get }
    /// Lines that are there already.
    var delivered: DeliveredLines { get set }

    /// Called at the beginning of a line, with all lines that are to be written.
    ///
    /// - Throws: why nothing can be written at present.
    func admit(_ lines: UnsafeRawBufferPointer) throws(SinkError) -> Admission
    /// Writes from the beginning of `bytes`, which must not be empty, as much as goes at once.
    func write(_ bytes: UnsafeRawBufferPointer) -> DescriptorWriter.Step
    /// Called after a wait within a line, of which `part` has been written. True: the line begins anew, elsewhere.
    func takesBack(_ part: UnsafeRawBufferPointer) -> Bool
    /// What is to be logged, once.
    func takeNotes() -> [SinkNote]
}

/// How much of the lines may be written before the next question.
struct Admission {
    /// Bytes at the beginning that are written already.
    var done: Int
    /// Bytes after them, up to the end of a line.
    var room: Int
}

/// A descriptor that is no file: nothing can be read back of it and nobody replaces it.
final class StreamDestination: LineDestination {
    let name: String
    let closedIsFinal = true
    var delivered = DeliveredLines()
    private let writer: DescriptorWriter

    init(writer: consuming DescriptorWriter, name: String) {
        self.writer = writer
        self.name = name
    }

    func admit(_ lines: UnsafeRawBufferPointer) -> Admission { Admission(done: 0, room: lines.count) }
    func write(_ bytes: UnsafeRawBufferPointer) -> DescriptorWriter.Step { writer.write(bytes) }
    func takesBack(_ part: UnsafeRawBufferPointer) -> Bool { false }
    func takeNotes() -> [SinkNote] { [] }
}
