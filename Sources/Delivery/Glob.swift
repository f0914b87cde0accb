/// A pattern over `module/command`: `*` stands for any run of characters, also an empty one and one with slashes, `?`
/// for one character; everything else for itself.
struct Glob: Hashable, Sendable {
    private let pattern: [UInt8]

    init(_ pattern: String) {
        self.pattern = Array(pattern.utf8)
    }

    /// Whether it matches `module`, a slash and `command`. Never longer than the lengths of both multiplied.
    func matches(_ text: SplitText) -> Bool {
        var textAt = 0
        var patternAt = 0
        // Behind the last star, and where its run ends at present: on a mismatch the run grows by one.
        var star = -1
        var runEnd = 0
        while textAt < text.count {
            let wanted = patternAt < pattern.count ? pattern[patternAt] : nil
            if wanted == UInt8(ascii: "*") {
                patternAt += 1
                if patternAt == pattern.count { return true }
                star = patternAt
                runEnd = textAt
            } else if wanted == UInt8(ascii: "?") {
                patternAt += 1
                textAt += 1
                // The rest of a character of several bytes.
                while textAt < text.count, text[textAt] & 0xC0 == 0x80 { textAt += 1 }
            } else if wanted == text[textAt] {
                patternAt += 1
                textAt += 1
            } else if star >= 0 {
                runEnd += 1
                textAt = runEnd
                patternAt = star
            } else {
                return false
            }
        }
        return pattern[min(patternAt, pattern.count)...].allSatisfy { $0 == UInt8(ascii: "*") }
    }
}

/// `module/command`, without putting them together.
struct SplitText {
    let module: UnsafeRawBufferPointer
    let command: UnsafeRawBufferPointer

    var count: Int { module.count + 1 + command.count }

    @inline(__always)
    subscript(index: Int) -> UInt8 {
        if index < module.count { return module[index] }
        return index == module.count ? UInt8(ascii: "/") : command[index - module.count - 1]
    }
}
