import Synchronization

/// Where an authorisation outlives the process. One process at a time changes it: between `open` and `close`.
public protocol TokenStorage: Sendable {
    /// What is there; nil: nothing yet. Needs no `open`.
    func read() throws(TokenStoreError) -> StoredAuthorisation?
    /// Keeps other processes from changing it, and makes sure that what is saved next will find its room.
    func open() throws(TokenStoreError)
    /// When it returns the authorisation is safe, whatever dies.
    func save(_ authorisation: StoredAuthorisation) throws(TokenStoreError)
    func close()
}

/// Why tokens could not be read or kept.
public struct TokenStoreError: Error, Sendable, Hashable {
    public enum Code: Sendable, Hashable {
        /// Another process is about to change it.
        case busy
        /// What is there cannot be understood.
        case damaged
        case full
        case inputOutput
    }

    public var code: Code
    /// For people: what happened.
    public var message: String
    /// For people: what to do about it.
    public var cure: String

    public init(code: Code, message: String, cure: String) {
        self.code = code
        self.message = message
        self.cure = cure
    }
}

extension TokenStoreError: CustomStringConvertible {
    public var description: String { "\(message) (\(cure))" }
}

/// For runs that keep no state: what is renewed lives as long as the process.
public final class MemoryTokenStore: TokenStorage {
    private let stored = Mutex<StoredAuthorisation?>(nil)

    public init() {}

    public func read() -> StoredAuthorisation? { stored.withLock { $0 } }
    public func open() {}
    public func save(_ authorisation: StoredAuthorisation) { stored.withLock { $0 = authorisation } }
    public func close() {}
}
