/// Why the admin endpoint cannot be opened.
public struct AdminError: Error, Hashable, Sendable, CustomStringConvertible {
    public enum Code: Sendable {
        /// Another process answers there.
        case inUse
        /// Something that is no socket has that name.
        case notASocket
        case system
    }

    public var code: Code
    public var message: String
    public var cure: String

    public var description: String { cure.isEmpty ? message : "\(message) (\(cure))" }
}
