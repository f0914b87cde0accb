public import Events
import Glibc
import JSONText

/// Which events a sink gets: those of its portals whose `module/command` a pattern of `include` matches and none of
/// `exclude`. An event without module or command has an empty one: `*` matches it, `application/*` does not. Gap records
/// of its portals reach every sink: what is missing may have been what the patterns look for.
public struct EventFilter: Hashable, Sendable {
    private let portals: Set<String>?
    private let include: [Glob]
    private let exclude: [Glob]

    /// Lets everything through.
    public static let all = EventFilter()

    /// - Parameters:
    ///   - portals: nil for all.
    ///   - include: patterns; empty for every event.
    ///   - exclude: patterns; one that matches wins over `include`.
    public init(portals: Set<String>? = nil, include: [String] = [], exclude: [String] = []) {
        self.portals = portals
        self.include = include.contains("*") ? [] : include.map(Glob.init)
        self.exclude = exclude.map(Glob.init)
    }

    public func admits(portal: String) -> Bool {
        portals?.contains(portal) ?? true
    }

    /// No event of an admitted portal is held back, so none needs a look.
    public var passesEveryEvent: Bool { include.isEmpty && exclude.isEmpty }

    /// Whether the patterns let the event through. `bytes` are those of its batch; the portal is not looked at.
    public func passes(_ event: Event, in bytes: UnsafeBufferPointer<UInt8>) -> Bool {
        if passesEveryEvent || event.shape == .gap { return true }
        let module = Self.slice(event.module, bytes)
        let command = Self.slice(event.command, bytes)
        if Self.hasEscapes(module) || Self.hasEscapes(command) { return passesUnescaped(module, command) }
        return passes(SplitText(module: module, command: command))
    }

    private func passes(_ text: SplitText) -> Bool {
        (include.isEmpty || include.contains { $0.matches(text) }) && !exclude.contains { $0.matches(text) }
    }

    /// Portals write other letters than English ones as `\u…` and a slash as `\/`; patterns are written as people read.
    private func passesUnescaped(_ module: UnsafeRawBufferPointer, _ command: UnsafeRawBufferPointer) -> Bool {
        let module = Array(JSONEscape.text(of: module).utf8)
        let command = Array(JSONEscape.text(of: command).utf8)
        return module.withUnsafeBytes { module in
            command.withUnsafeBytes { command in
                passes(SplitText(module: module, command: command))
            }
        }
    }

    private static func slice(_ range: ByteRange, _ bytes: UnsafeBufferPointer<UInt8>) -> UnsafeRawBufferPointer {
        guard range.start <= range.end, Int(range.end) <= bytes.count else {
            return UnsafeRawBufferPointer(start: nil, count: 0)
        }
        return UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(bytes)[range.range])
    }

    private static func hasEscapes(_ text: UnsafeRawBufferPointer) -> Bool {
        guard let base = text.baseAddress else { return false }
        return memchr(base, 0x5C, text.count) != nil
    }
}
