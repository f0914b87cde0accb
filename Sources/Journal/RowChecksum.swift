/// Checksums of small rows, over their key too: a row under a wrong key is damage as well.
enum RowChecksum {
    static func of(_ content: [UInt8], name: String) -> UInt64 {
        Checksum.joined(Checksum.of(content), Checksum.of(Array(name.utf8)))
    }

    static func of(_ content: [UInt8], portal: Int64) -> UInt64 {
        Checksum.joined(Checksum.of(content), UInt64(bitPattern: portal))
    }
}
