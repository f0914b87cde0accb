import History

/// Standard output, for lines that people read.
enum Terminal {
    /// Writes a line at once, whole, past stdio's buffers. A reader that has gone is no fault.
    static func line(_ text: String) {
        try? TextOutput.standard.write(text + "\n")
    }
}
