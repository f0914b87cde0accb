import Foundation

/// A directory of one test's own, removed with everything in it when the value goes away.
public final class ScratchDirectory: Sendable {
    /// Absolute, without a slash at the end, short enough for a unix socket inside.
    public let path: String

    public init() throws {
        var template = Array("/tmp/pulld-test-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw SystemFailure("mkdtemp") }
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    deinit {
        try? FileManager.default.removeItem(atPath: path)
    }

    public func file(_ name: String) -> String {
        path + "/" + name
    }

    /// Writes a file and returns its path. Mode 0600, since tests write keys and configuration.
    @discardableResult
    public func write(_ text: String, to name: String) throws -> String {
        let target = file(name)
        try Data(text.utf8).write(to: URL(fileURLWithPath: target))
        chmod(target, 0o600)
        return target
    }

    /// Makes a directory inside and returns its path.
    public func directory(_ name: String) throws -> String {
        let target = file(name)
        try FileManager.default.createDirectory(atPath: target, withIntermediateDirectories: true)
        return target
    }
}

/// A system call that failed, with the reason of that moment.
public struct SystemFailure: Error, CustomStringConvertible {
    public let call: String
    public let code: Int32

    public init(_ call: String, code: Int32 = errno) {
        self.call = call
        self.code = code
    }

    public var description: String { "\(call): \(String(cString: strerror(code)))" }
}
