import Glibc

/// Which file it is, whatever its name.
struct FileIdentity: Hashable {
    var device: UInt64
    var inode: UInt64

    init(device: UInt64, inode: UInt64) {
        self.device = device
        self.inode = inode
    }

    init(_ status: stat) {
        device = UInt64(status.st_dev)
        inode = UInt64(status.st_ino)
    }

    /// Of what the name leads to; nil when it leads nowhere.
    init?(path: String) {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        self.init(status)
    }
}

/// Where a file stood when it was settled: everything of ours that the cursor does not cover lies behind it, in this
/// file or in later ones. As text, in decimal:
///
/// ```
/// DEVICE:INODE:SIZE:MARK:SINCE:OURS
///                   │    │     └ 1: nobody else's bytes stand behind SIZE; 0: that is not known
///                   │    └ Unix seconds of the file's first line
///                   └ of the bytes before SIZE: the first 64 and the last 64
/// ```
///
/// Inodes are used again and files are cut: only a file with the same mark at that size is taken for the same.
struct FilePlace: Hashable {
    var identity: FileIdentity
    var size: UInt64
    var mark: UInt64
    var since: Int64
    var isOurs: Bool

    init(_ file: OutputFile, size: UInt64, since: Int64, isOurs: Bool) {
        identity = file.identity
        self.size = size
        mark = file.mark(before: size)
        self.since = since
        self.isOurs = isOurs
    }

    /// Nil for anything else than such a text.
    init?(_ text: String) {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 6, let device = UInt64(parts[0]), let inode = UInt64(parts[1]),
            let size = UInt64(parts[2]), size <= UInt64(Int64.max), let mark = UInt64(parts[3]),
            let since = Int64(parts[4]), parts[5] == "0" || parts[5] == "1"
        else { return nil }
        identity = FileIdentity(device: device, inode: inode)
        self.size = size
        self.mark = mark
        self.since = since
        isOurs = parts[5] == "1"
    }

    var text: String {
        "\(identity.device):\(identity.inode):\(size):\(mark):\(since):\(isOurs ? 1 : 0)"
    }
}

/// FNV-1a with 64 bits: for telling apart, not against anybody.
func fingerprint(_ bytes: UnsafeRawBufferPointer, after start: UInt64 = 0xCBF2_9CE4_8422_2325) -> UInt64 {
    var hash = start
    for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01B3 }
    return hash
}
