import Yams

extension Settings {
    /// A configuration file is smaller: 1 MiB, some 4,000 portals.
    public static let maximumFileSize = 1024 * 1024

    /// Reads and checks a configuration file. Secrets are not read.
    ///
    /// - Throws: all problems of the file, or that it cannot be read.
    public static func load(path: String) throws(SettingsError) -> Settings {
        let file: BoundedFile
        do {
            file = try BoundedFile(path: path, limit: maximumFileSize)
        } catch {
            let problem =
                switch error {
                case .system(let number):
                    fileProblem(path, "cannot be read: \(systemMessage(number))", "check the path and its permissions")
                case .tooLarge:
                    fileProblem(path, "larger than \(maximumFileSize) bytes", "check that it is the configuration")
                }
            throw SettingsError(problems: [problem])
        }
        return try parse(file.bytes, file: path)
    }

    /// Checks the text of a configuration file. `file` is its name for the messages.
    public static func parse(_ bytes: [UInt8], file: String) throws(SettingsError) -> Settings {
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw SettingsError(problems: [fileProblem(file, "not text in UTF-8", "save it as UTF-8")])
        }
        let log = ProblemLog(file: file)
        let root: Node?
        do {
            // The basic resolver: what is a number and what a text is told in one place, with its own message.
            root = try Yams.compose(yaml: text, .basic)
        } catch {
            throw SettingsError(problems: [syntaxProblem(error, text: text, file: file)])
        }
        guard let root else {
            log.add(nil, key: "", "the file is empty", cure: "write portals: and sinks:")
            throw SettingsError(problems: log.problems)
        }
        let settings = SettingsNode(node: root, key: "", nameMark: nil, log: log).settings()
        guard let settings, log.problems.isEmpty else {
            throw SettingsError(problems: log.problems.sorted { ($0.line, $0.column) < ($1.line, $1.column) })
        }
        return settings
    }

    private static func fileProblem(_ file: String, _ message: String, _ cure: String) -> SettingsProblem {
        SettingsProblem(file: file, line: 0, column: 0, key: "", message: message, cure: cure)
    }

    /// Yams' own texts quote lines of the file, which may be a secret in the wrong place; only the reason is taken.
    private static func syntaxProblem(_ error: any Error, text: String, file: String) -> SettingsProblem {
        var problem = SettingsProblem(
            file: file, line: 1, column: 1, key: "", message: "not YAML", cure: "check indentation, quotes and colons")
        switch error as? YamlError {
        case .scanner(_, let reason, let mark, _), .parser(_, let reason, let mark, _),
            .composer(_, let reason, let mark, _):
            (problem.line, problem.column) = (mark.line, mark.column)
            problem.message = "not YAML: \(reason)"
        case .reader(let reason, let offset, _, _):
            let before = text.prefix(offset ?? 0)
            problem.line = before.count(where: \.isNewline) + 1
            problem.column = (before.lastIndex(where: \.isNewline).map { before[$0...].count } ?? before.count + 1)
            problem.message = "not YAML: \(reason)"
            problem.cure = "remove the control character"
        case .duplicatedKeysInMapping(let names, let context):
            (problem.line, problem.column) = (context.mark.line, context.mark.column)
            problem.key = names.first ?? ""
            problem.message = "this key is there twice in the same map; here is the first"
            problem.cure = "keep one of them"
        default: break
        }
        return problem
    }
}
