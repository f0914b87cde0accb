import Yams

/// Collects what is wrong with one file while it is read.
final class ProblemLog {
    let file: String
    private(set) var problems: [SettingsProblem] = []

    init(file: String) {
        self.file = file
    }

    /// Without a mark it is the beginning of the file.
    func add(_ mark: Mark?, key: String, _ message: String, cure: String) {
        problems.append(
            SettingsProblem(
                file: file, line: mark?.line ?? 1, column: mark?.column ?? 1, key: key, message: message, cure: cure))
    }
}

/// One value of the file with its place and its key path. Each way to read it returns nil after it has noted why not.
struct SettingsNode {
    let node: Node
    /// Such as `sinks.app.include[1]`.
    let key: String
    /// Where the name of the value stands, for problems about what is missing in it. Nil for the whole file.
    let nameMark: Mark?
    let log: ProblemLog

    func problem(_ message: String, cure: String) {
        log.add(node.mark, key: key, message, cure: cure)
    }

    private func wrongType(expected: String, cure: String) {
        problem("expected \(expected), found \(kind)", cure: cure)
    }

    // MARK: single values

    /// A text. Numbers, true and false are refused, since quotes tell them from texts.
    func text() -> String? {
        guard let scalar = node.scalar else {
            wrongType(expected: "a text", cure: "write one value after \(lastName):")
            return nil
        }
        switch Self.kind(of: scalar) {
        case .text where !scalar.string.isEmpty:
            return scalar.string
        case .text:
            problem("the text is empty", cure: "write a value, or leave the key out")
        case .nothing:
            wrongType(expected: "a text", cure: "write a value, or leave the key out")
        case .number, .truth:
            wrongType(expected: "a text", cure: "put quotes round it")
        }
        return nil
    }

    /// One of the words of an enumeration.
    func word<Word: RawRepresentable & CaseIterable>(_ type: Word.Type) -> Word? where Word.RawValue == String {
        guard let text = text() else { return nil }
        if let word = Word(rawValue: text) { return word }
        let words = Word.allCases.map(\.rawValue)
        let hint = nearestName(to: text, among: words).map { "did you mean \($0)? " } ?? ""
        problem("\(quoted(text)) is not known here", cure: "\(hint)allowed: \(words.joined(separator: ", "))")
        return nil
    }

    /// A whole number with its unit, such as `10m`.
    func duration(in range: ClosedRange<Duration>, said: String) -> Duration? {
        guard let scalar = node.scalar, Self.kind(of: scalar) != .nothing else {
            wrongType(expected: "a duration", cure: "write a whole number and a unit, such as 10m")
            return nil
        }
        guard let duration = Duration(settings: scalar.string) else {
            problem(
                "\(quoted(scalar.string)) is not a duration",
                cure: "write a whole number and a unit (ms, s, m, h, d), such as 10m")
            return nil
        }
        guard range.contains(duration) else {
            problem("\(scalar.string) is out of bounds", cure: "allowed: \(said)")
            return nil
        }
        return duration
    }

    /// A whole number of bytes with its unit, such as `100 MiB`.
    func size(in range: ClosedRange<UInt64>, said: String) -> UInt64? {
        guard let scalar = node.scalar, let size = UInt64(bytes: scalar.string) else {
            problem("not a size", cure: "write a whole number and a unit (KiB, MiB, GiB), such as 100 MiB")
            return nil
        }
        guard range.contains(size) else {
            problem("\(scalar.string) is out of bounds", cure: "allowed: \(said)")
            return nil
        }
        return size
    }

    func wholeNumber(in range: ClosedRange<Int>) -> Int? {
        guard let scalar = node.scalar, scalar.style == .plain, let number = Int(scalar.string) else {
            wrongType(expected: "a whole number", cure: "write a number without quotes")
            return nil
        }
        guard range.contains(number) else {
            problem("\(number) is out of bounds", cure: "allowed: \(range.lowerBound) to \(range.upperBound)")
            return nil
        }
        return number
    }

    func truth() -> Bool? {
        guard let scalar = node.scalar, Self.kind(of: scalar) == .truth else {
            wrongType(expected: "true or false", cure: "write true or false, without quotes")
            return nil
        }
        return scalar.string.lowercased() == "true"
    }

    // MARK: lists and maps

    func list() -> [SettingsNode]? {
        guard let sequence = node.sequence else {
            wrongType(expected: "a list", cure: "write [a, b]")
            return nil
        }
        return sequence.enumerated().map { index, element in
            SettingsNode(node: element, key: "\(key)[\(index)]", nameMark: element.mark, log: log)
        }
    }

    /// The entries of a map whose names are the operator's own.
    func entries(example: String) -> [(name: SettingsNode, value: SettingsNode)]? {
        guard let mapping = node.mapping else {
            wrongType(expected: "a map", cure: "write \(example)")
            return nil
        }
        return mapping.compactMap { pair in
            guard let name = pair.key.scalar?.string else {
                log.add(pair.key.mark, key: key, "a name cannot be a list or a map", cure: "write \(example)")
                return nil
            }
            let path = key.isEmpty ? name : "\(key).\(name)"
            return (
                SettingsNode(node: pair.key, key: path, nameMark: pair.key.mark, log: log),
                SettingsNode(node: pair.value, key: path, nameMark: pair.key.mark, log: log)
            )
        }
    }

    /// A map that knows its keys; others are problems.
    func fields(_ allowed: [String], example: String) -> SettingsFields? {
        guard let entries = entries(example: example) else { return nil }
        var values: [String: SettingsNode] = [:]
        for (name, value) in entries {
            let written = name.node.scalar?.string ?? ""
            if allowed.contains(written) {
                values[written] = value
            } else {
                let hint = nearestName(to: written, among: allowed).map { "did you mean \($0)? " } ?? ""
                name.problem("unknown key", cure: "\(hint)allowed here: \(allowed.joined(separator: ", "))")
            }
        }
        return SettingsFields(owner: self, values: values)
    }

    // MARK: kinds

    private enum ScalarKind: String {
        case text = "a text"
        case nothing
        case number = "a number"
        case truth = "true or false"
    }

    /// As YAML 1.2's core schema tells them (chapter 10.3.2).
    private static func kind(of scalar: Node.Scalar) -> ScalarKind {
        guard scalar.style == .plain else { return .text }
        switch scalar.string {
        case "", "~", "null", "Null", "NULL": return .nothing
        case "true", "True", "TRUE", "false", "False", "FALSE": return .truth
        default:
            guard let first = scalar.string.utf8.first, "+-.0123456789".utf8.contains(first) else { return .text }
            return Double(scalar.string) == nil ? .text : .number
        }
    }

    private var kind: String {
        switch node {
        case .scalar(let scalar): Self.kind(of: scalar).rawValue
        case .mapping: "a map"
        case .sequence: "a list"
        case .alias: "an alias"
        }
    }

    private var lastName: String {
        key.split(separator: ".").last.map(String.init) ?? key
    }
}

/// A map's values by their known names.
struct SettingsFields {
    let owner: SettingsNode
    let values: [String: SettingsNode]

    subscript(name: String) -> SettingsNode? { values[name] }

    /// The value, or a problem at the name of the map that it should be in.
    func required(_ name: String, example: String) -> SettingsNode? {
        if let value = values[name] { return value }
        owner.log.add(
            owner.nameMark, key: owner.key.isEmpty ? name : "\(owner.key).\(name)", "missing",
            cure: "write \(example)")
        return nil
    }
}

/// For messages: short, and without what would break a line.
func quoted(_ text: String) -> String {
    let shown = text.prefix(60).map { character in
        character.unicodeScalars.allSatisfy { $0.properties.generalCategory != .control } ? character : "?"
    }
    return "“" + String(shown) + (shown.count < text.count ? "…" : "") + "”"
}
