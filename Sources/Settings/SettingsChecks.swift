extension SettingsNode {
    /// A name of the operator's own for a portal or a sink. It becomes part of log lines, metrics and headers.
    func checkedName(of thing: String) -> String? {
        let name = node.scalar?.string ?? ""
        let valid =
            (1...63).contains(name.utf8.count)
            && name.utf8.enumerated().allSatisfy { index, byte in
                switch byte {
                case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"):
                    true
                case UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
                    index > 0
                default: false
                }
            }
        if valid { return name }
        problem(
            "\(quoted(name)) cannot be the name of a \(thing)",
            cure: "use letters, digits, dot, dash and underscore, a letter or digit first, at most 63")
        return nil
    }

    func absolutePath() -> String? {
        guard let path = text() else { return nil }
        if path.hasPrefix("/"), !path.unicodeScalars.contains("\0") { return path }
        problem("the path is not absolute", cure: "begin it with /")
        return nil
    }

    /// Scheme, host and port of an https address; plain http is for a loopback host.
    func origin(of thing: String, example: String) -> String? {
        guard let text = text() else { return nil }
        do throws(AddressFault) {
            return try AddressRule.origin.check(text).origin
        } catch {
            problem(Self.message(for: error, thing: thing), cure: "write \(example)")
            return nil
        }
    }

    func proxy() -> ProxySettings? {
        if node.mapping != nil { return secret().map(ProxySettings.secret) }
        guard let text = text() else { return nil }
        do throws(AddressFault) {
            _ = try AddressRule.proxy.check(text)
            return .url(text)
        } catch .userInfo {
            problem("a proxy's password does not belong into this file", cure: Self.secretExample)
        } catch {
            let example = "http://proxy.example:3128"
            problem(
                "not the address of a proxy", cure: "write \(example); also https, socks4, socks4a, socks5, socks5h")
        }
        return nil
    }

    static func message(for fault: AddressFault, thing: String) -> String {
        switch fault {
        case .notAnAddress: "not an address"
        case .userInfo: "an address here cannot hold a user or password"
        case .fragment: "an address here cannot have a #fragment"
        case .pathOrQuery: "only the address is wanted here, without path or query"
        case .scheme, .plainHTTP: "\(thing) is reached by https; http is allowed for a loopback host only"
        case .otherMachine, .reservedAddress: "\(thing) is not at this address"
        }
    }

    // MARK: secrets

    static var secretExample: String { "write { credential: NAME }, { file: /PATH } or { env: NAME }" }

    func secret() -> SecretSource? {
        guard node.mapping != nil else {
            problem("a secret does not belong into this file", cure: Self.secretExample)
            return nil
        }
        let kinds = ["credential", "file", "env"]
        let example = "{ credential: NAME }"
        guard let fields = fields(kinds, example: example) else { return nil }
        guard fields.values.count <= 1 else {
            problem("a secret comes from one place", cure: Self.secretExample)
            return nil
        }
        if let value = fields["credential"] {
            return value.identifier(
                "a credential is the name of a file without slashes", { $0 != "." && $0 != ".." && !$0.contains("/") }
            ).map(SecretSource.credential)
        }
        if let value = fields["file"] { return value.absolutePath().map(SecretSource.file) }
        if let value = fields["env"] {
            return value.identifier(
                "an environment variable is letters, digits and underscores, no digit first",
                { name in
                    name.first.map { !("0"..."9").contains($0) } == true
                        && name.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_") }
                }
            ).map(SecretSource.environment)
        }
        if fields.owner.node.mapping?.isEmpty == true { problem("names no place", cure: Self.secretExample) }
        return nil
    }

    private func identifier(_ rule: String, _ isValid: (String) -> Bool) -> String? {
        guard let text = text() else { return nil }
        if isValid(text), !text.unicodeScalars.contains("\0") { return text }
        problem("not such a name", cure: rule)
        return nil
    }

    // MARK: globs

    /// A glob over `module/command`.
    func glob() -> String? {
        guard let text = text() else { return nil }
        if text.unicodeScalars.contains(where: { $0.properties.isWhitespace || $0.value < 0x20 }) {
            problem("a pattern has no blanks", cure: "write MODULE/COMMAND, such as application/*")
            return nil
        }
        if !text.contains("/"), !text.contains("*") {
            problem("\(quoted(text)) can match nothing", cure: "write MODULE/COMMAND, such as application/*")
            return nil
        }
        return text
    }

    /// All elements of a list that can be read; the others are problems.
    func each<Value>(_ read: (SettingsNode) -> Value?) -> [Value]? {
        list()?.compactMap(read)
    }
}
