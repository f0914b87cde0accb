import Glibc

/// Standard output, for lines that people read.
enum Terminal {
    /// Writes a line at once, whole, past stdio's buffers.
    static func line(_ text: String) {
        var line = text + "\n"
        line.withUTF8 { bytes in
            var rest = UnsafeRawBufferPointer(bytes)
            while let base = rest.baseAddress, !rest.isEmpty {
                let count = write(1, base, rest.count)
                if count < 0 && errno == EINTR { continue }
                if count <= 0 { return }
                rest = UnsafeRawBufferPointer(rebasing: rest[count...])
            }
        }
    }

    /// A terminal that is not a dumb one, and nobody has asked for plain text (no-color.org).
    static var takesColours: Bool {
        let kind = variable("TERM") ?? ""
        return isatty(1) == 1 && (variable("NO_COLOR") ?? "").isEmpty && kind != "dumb" && !kind.isEmpty
    }

    private static func variable(_ name: String) -> String? {
        getenv(name).map { String(cString: $0) }
    }
}
