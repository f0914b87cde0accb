import Foundation

/// Who may read what a daemon keeps: its owner and nobody else, whatever mask the tests run with.
extension DaemonProcess {
    /// Files and directories of the state directory, itself among them, that are open to others: name and mode.
    public func stateOpenToOthers() -> (looked: Int, open: [String]) {
        let files = FileManager.default
        let names = (files.enumerator(atPath: statePath)?.compactMap { $0 as? String } ?? []) + [""]
        var looked = 0
        var open: [String] = []
        for name in names {
            var status = stat()
            // Gone since it was listed.
            guard lstat(name.isEmpty ? statePath : "\(statePath)/\(name)", &status) == 0 else { continue }
            looked += 1
            if status.st_mode & 0o077 != 0 { open.append("\(name) \(String(status.st_mode & 0o777, radix: 8))") }
        }
        return (looked, open)
    }
}
