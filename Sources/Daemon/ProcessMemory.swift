import CMalloc
import Glibc

/// What a process that runs for months keeps of the machine's memory.
enum ProcessMemory {
    /// In bytes: what is larger is mapped by itself and goes back to the system when it is freed.
    private static let mappedSize: Int32 = 128 * 1024

    /// Lets the C library's allocator (mallopt(3)) give back what a busy time has left. By itself it moves the bound of what is
    /// mapped up to 32 MiB, so that a table which has grown leaves holes behind that nobody fills, and makes eight arenas a
    /// processor. To be called first: blocks that are there already stay where they are.
    static func limitAllocator() {
        mallopt(M_MMAP_THRESHOLD, mappedSize)
        mallopt(M_TRIM_THRESHOLD, mappedSize)
        mallopt(M_ARENA_MAX, 2)
    }

    /// Once a minute, until the task is cancelled, gives the system what the allocator holds for nothing (malloc_trim(3)):
    /// pages between blocks, which it keeps by itself.
    static func giveBackHoles() async {
        while (try? await Task.sleep(for: .seconds(60))) != nil { malloc_trim(0) }
    }

    /// Gives back what only the start needed: pages of program text and of constants. The Swift runtime walks through large
    /// parts of a program and its libraries while it starts (conformances, metadata), and these stay resident though nobody
    /// reads them again. What is needed again comes back from the page cache by itself.
    static func giveBackStartup() {
        for range in unwrittenRanges() {
            madvise(UnsafeMutableRawPointer(bitPattern: range.lowerBound), range.count, MADV_DONTNEED)
        }
    }

    /// Mappings of files that cannot be written and never were, so that nothing can get lost by forgetting them
    /// (proc_pid_smaps(5)). Constants with addresses in them were written while the program was loaded: they count as
    /// anonymous then, and forgetting them would undo that.
    ///
    /// ```
    ///  5581e0a00000-5581e0b00000 r-xp 00000000 fe:00 12345   /usr/bin/pulld
    ///  …
    ///  Anonymous:             0 kB
    /// ```
    private static func unwrittenRanges() -> [Range<UInt>] {
        guard let file = fopen("/proc/self/smaps", "re") else { return [] }
        defer { fclose(file) }
        var ranges: [Range<UInt>] = []
        var mapping: Range<UInt>?
        var line: UnsafeMutablePointer<CChar>?
        var capacity = 0
        defer { free(line) }
        while getline(&line, &capacity, file) > 0, let text = line.map({ String(cString: $0) }) {
            let fields = text.split(separator: " ", maxSplits: 5)
            if fields.count == 6, fields[0].contains("-") {
                mapping = nil
                let ends = fields[0].split(separator: "-").compactMap { UInt($0, radix: 16) }
                guard ["r-xp", "r--p"].contains(fields[1]), fields[5].contains("/"), ends.count == 2, ends[0] < ends[1]
                else { continue }
                mapping = ends[0]..<ends[1]
            } else if fields.first == "Anonymous:", fields.count > 1, fields[1] == "0", let range = mapping {
                ranges.append(range)
            }
        }
        return ranges
    }
}
