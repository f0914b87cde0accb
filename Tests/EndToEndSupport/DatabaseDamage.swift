import Foundation

/// What can happen to a database file while nobody looks.
public enum DatabaseDamage: Sendable, Hashable, CustomStringConvertible {
    /// Cut off behind so many bytes.
    case truncated(to: Int)
    /// One bit of the byte at this offset is another.
    case flipped(byte: Int, bit: Int)
    /// Something else lies under the name.
    case replaced(by: String)
    /// `PRAGMA user_version`: the schema of a program that is not written yet.
    case version(Int)

    public var description: String {
        switch self {
        case .truncated(let size): "truncated to \(size) bytes"
        case .flipped(let byte, let bit): "bit \(bit) of byte \(byte) flipped"
        case .replaced(let text): "replaced by \(text.utf8.count) bytes of text"
        case .version(let number): "schema \(number)"
        }
    }

    /// Does it to the file at `path`, which nobody has open. Offsets behind its end are taken as its last byte.
    public func happen(to path: String) async throws {
        switch self {
        case .truncated(let size):
            guard truncate(path, size) == 0 else { throw SystemFailure("truncate \(path)") }
        case .flipped(let byte, let bit):
            try Self.flip(byte, bit, in: path)
        case .replaced(let text):
            try Data(text.utf8).write(to: URL(fileURLWithPath: path))
        case .version(let number):
            try await Self.execute("PRAGMA user_version = \(number)", in: path)
        }
    }

    private static func flip(_ byte: Int, _ bit: Int, in path: String) throws {
        let descriptor = open(path, O_RDWR | O_CLOEXEC)
        guard descriptor >= 0 else { throw SystemFailure("open \(path)") }
        defer { close(descriptor) }
        let place = min(byte, Int(lseek(descriptor, 0, SEEK_END)) - 1)
        var value: UInt8 = 0
        guard place >= 0, pread(descriptor, &value, 1, place) == 1 else { throw SystemFailure("read \(path)") }
        value ^= 1 << UInt8(bit & 7)
        guard pwrite(descriptor, &value, 1, place) == 1 else { throw SystemFailure("write \(path)") }
    }

    /// Statements by Python's own SQLite, separated by semicolons, in one transaction.
    public static func execute(_ statements: String, in path: String) async throws {
        let script = """
            import sqlite3, sys
            database = sqlite3.connect(sys.argv[1])
            database.executescript(sys.argv[2])
            database.commit()
            database.close()
            """
        try await CommandLineTool.run("python3", ["-c", script, path, statements])
    }

    /// The rows that a query gives, columns separated by `|`, beside whoever has the database open.
    public static func rows(of query: String, in path: String) async throws -> [String] {
        let script = """
            import sqlite3, sys
            database = sqlite3.connect('file:%s?mode=ro' % sys.argv[1], uri=True)
            for row in database.execute(sys.argv[2]): print('|'.join(str(value) for value in row))
            """
        return try await CommandLineTool.run("python3", ["-c", script, path, query])
            .split(separator: "\n").map(String.init)
    }
}
