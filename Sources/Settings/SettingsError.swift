/// One thing that is wrong in a configuration file, said so that it can be mended without reading a manual.
public struct SettingsProblem: Hashable, Sendable {
    public var file: String
    /// From 1; 0 when the problem is the file itself.
    public var line: Int
    /// In characters, from 1; 0 when the problem is the file itself.
    public var column: Int
    /// The way to the value, such as `sinks.app.webhook.url`; empty for the file as a whole.
    public var key: String
    /// What is wrong. Never a value that might be a secret.
    public var message: String
    /// What to write instead.
    public var cure: String

    public init(file: String, line: Int, column: Int, key: String, message: String, cure: String) {
        self.file = file
        self.line = line
        self.column = column
        self.key = key
        self.message = message
        self.cure = cure
    }
}

extension SettingsProblem: CustomStringConvertible {
    /// `FILE:LINE:COLUMN: KEY: MESSAGE; CURE`, as compilers do it, so that editors can jump there.
    public var description: String {
        var text = file
        if line > 0 { text += ":\(line):\(column)" }
        text += ": "
        if !key.isEmpty { text += "\(key): " }
        text += message
        if !cure.isEmpty { text += "; \(cure)" }
        return text
    }
}

/// Everything that is wrong in one configuration file, in the order of the file.
public struct SettingsError: Error, Hashable, Sendable {
    /// At least one.
    public var problems: [SettingsProblem]

    public init(problems: [SettingsProblem]) {
        self.problems = problems
    }
}

extension SettingsError: CustomStringConvertible {
    /// One problem a line.
    public var description: String {
        problems.map(\.description).joined(separator: "\n")
    }
}
