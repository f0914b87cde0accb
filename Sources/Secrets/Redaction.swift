/// Makes texts fit for logs and error messages. Used before anything is formatted, never after.
public enum Redaction {
    /// What stands in the place of a secret.
    public static let mark = "***"

    /// An absolute URL without its secrets: scheme, host, port and path stay, except that user and password, the code
    /// in the path of a REST webhook (`/rest/USER/CODE/…`), the fragment, and the values of secret parameters and of
    /// whatever looks like a token become `***`. Anything that is no absolute URL is blanked whole.
    public static func url(_ text: String) -> String {
        guard let separator = range(of: "://", in: text), separator.lowerBound > text.startIndex else {
            return mark
        }
        let scheme = text[..<separator.lowerBound]
        guard scheme.utf8.allSatisfy(isSchemeByte) else { return mark }
        let rest = text[separator.upperBound...]
        let authorityEnd = rest.firstIndex { "/?#".contains($0) } ?? rest.endIndex
        return scheme + "://" + authority(rest[..<authorityEnd]) + reference(rest[authorityEnd...])
    }

    /// `user:password@host:port` with the first part blanked.
    private static func authority(_ text: Substring) -> String {
        guard let at = text.lastIndex(of: "@") else { return String(text) }
        return mark + text[at...]
    }

    /// Path, query and fragment.
    static func reference(_ text: Substring) -> String {
        let pathEnd = text.firstIndex { "?#".contains($0) } ?? text.endIndex
        var result = path(text[..<pathEnd])
        var rest = text[pathEnd...]
        if rest.first == "?" {
            let queryEnd = rest.firstIndex(of: "#") ?? rest.endIndex
            result += "?" + query(rest[..<queryEnd].dropFirst())
            rest = rest[queryEnd...]
        }
        return rest.isEmpty ? result : result + "#" + mark
    }

    private static func path(_ text: Substring) -> String {
        var parts = text.split(separator: "/", omittingEmptySubsequences: false)
        var index = 0
        while index + 2 < parts.count {
            let isUser = !parts[index + 1].isEmpty && parts[index + 1].utf8.allSatisfy { $0 &- 0x30 <= 9 }
            if parts[index].lowercased() == "rest", isUser, !parts[index + 2].isEmpty {
                parts[index + 2] = Substring(mark)
            }
            index += 1
        }
        return parts.joined(separator: "/")
    }

    private static func query(_ text: Substring) -> String {
        text.split(separator: "&", omittingEmptySubsequences: false)
            .map { part in
                guard let equals = part.firstIndex(of: "=") else { return tokensBlanked(part) }
                let value = part[part.index(after: equals)...]
                if SecretNames.contains(part[..<equals]) { return part[...equals] + mark }
                return tokensBlanked(part[...equals]) + tokensBlanked(value)
            }
            .joined(separator: "&")
    }

    static func isSchemeByte(_ byte: UInt8) -> Bool {
        (byte | 0x20) &- 0x61 < 26 || byte &- 0x30 <= 9 || byte == 0x2B || byte == 0x2D || byte == 0x2E
    }

    static func range(of needle: String, in text: String) -> Range<String.Index>? {
        text.firstRange(of: needle)
    }
}
