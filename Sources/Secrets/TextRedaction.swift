extension Redaction {
    /// A message of a library or a server, fit to be shown: URLs and queries redacted, values after secret names
    /// (`token=…`, `"auth":"…"`, `Bearer …`) and long tokens blanked, control characters turned into blanks, and no
    /// more than `limit` characters. Errs on the side of blanking.
    public static func text(_ text: String, limit: Int = 500) -> String {
        var result = ""
        var word = ""
        var isValueSecret = false
        var isAfterName = false

        func endWord() {
            guard !word.isEmpty else { return }
            if isValueSecret, !isScheme(word) {
                result += mark
                isValueSecret = false
                isAfterName = false
            } else {
                result += redactedWord(word)
                isAfterName = isSecretName(word)
                isValueSecret = isAfterName && announcesSecret(word)
            }
            word = ""
        }

        // Twice the limit is read: redaction shortens, and what is cut off is not needed.
        for character in text.prefix(max(0, limit) * 2) {
            if character.isWhitespace
                || character.unicodeScalars.contains(where: { $0.value < 0x20 || $0.value == 0x7F })
            {
                endWord()
                result.append(" ")
            } else if "\"'`<>(){},;".contains(character) {
                endWord()
                result.append(character)
                if character == "," || character == ";" || character == "}" { isValueSecret = false }
            } else if (character == ":" || character == "=") && word.isEmpty {
                result.append(character)
                isValueSecret = isValueSecret || isAfterName
            } else {
                word.append(character)
            }
        }
        endWord()
        return result.count > limit ? String(result.prefix(max(0, limit))) + "…" : result
    }

    /// Runs of token characters that are too long and too mixed for a word are blanked; the rest stays.
    static func tokensBlanked(_ text: some StringProtocol) -> String {
        var result = ""
        var run = ""

        func endRun() {
            guard isToken(run) else {
                result += run
                run = ""
                return
            }
            // A signed id is `id.signature` or `id:id.signature`: one mark is enough for all of it.
            if result.hasSuffix(mark + ".") || result.hasSuffix(mark + ":") { result.removeLast(mark.count + 1) }
            result += mark
            run = ""
        }

        for character in text {
            let isPart = character.isASCII && (character.isLetter || character.isNumber || "_-+%".contains(character))
            if isPart {
                run.append(character)
            } else {
                endRun()
                result.append(character)
            }
        }
        endRun()
        return result
    }

    private static func isToken(_ run: String) -> Bool {
        guard run.utf8.count >= 20 else { return false }
        let digits = run.utf8.lazy.filter { $0 &- 0x30 <= 9 }.count
        if digits == run.utf8.count { return digits >= 32 }
        let hasUpper = run.utf8.contains { $0 &- 0x41 < 26 }
        let hasLower = run.utf8.contains { $0 &- 0x61 < 26 }
        let hasJoint = run.utf8.contains { $0 == UInt8(ascii: "_") || $0 == UInt8(ascii: "-") }
        return digits >= 2 || (hasUpper && hasLower && !hasJoint) || (run.utf8.count >= 32 && !hasJoint)
    }

    private static func redactedWord(_ word: String) -> String {
        if range(of: "://", in: word) != nil {
            let start = urlStart(word)
            return redactedWord(String(word[..<start])) + url(String(word[start...]))
        }
        if word.contains("?") || word.lowercased().contains("rest/") {
            return tokensBlanked(reference(word[...]))
        }
        if let equals = word.firstIndex(where: { $0 == "=" || $0 == ":" }) {
            let value = word[word.index(after: equals)...]
            if SecretNames.contains(word[..<equals]), !value.isEmpty {
                return word[...equals] + mark
            }
            if value.contains("&") { return reference("?" + word[...]).dropFirst().description }
        }
        return tokensBlanked(word)
    }

    /// Where the scheme of the URL in `word` begins: `url=https://…`.
    private static func urlStart(_ word: String) -> String.Index {
        guard var start = range(of: "://", in: word)?.lowerBound else { return word.endIndex }
        while start > word.startIndex {
            let before = word.utf8.index(before: start)
            guard isSchemeByte(word.utf8[before]) else { break }
            start = before
        }
        return start
    }

    /// Whether `word` is the name of a secret, alone or with its colon.
    private static func isSecretName(_ word: String) -> Bool {
        let name = word.prefix { $0 != ":" && $0 != "=" }
        let isAlone = word[name.endIndex...].allSatisfy { $0 == ":" || $0 == "=" }
        return isAlone && !name.contains(where: { "/?&".contains($0) }) && SecretNames.contains(name)
    }

    /// Whether the word after this name is a value. Some names are plain words in prose, and need their colon for that.
    private static func announcesSecret(_ name: String) -> Bool {
        !["auth", "token", "code", "key", "secret", "signature", "password", "cookie"].contains(name.lowercased())
    }

    /// `Authorization: Bearer VALUE`: the word between name and value.
    private static func isScheme(_ word: String) -> Bool {
        ["bearer", "basic", "digest"].contains(word.lowercased())
    }
}
