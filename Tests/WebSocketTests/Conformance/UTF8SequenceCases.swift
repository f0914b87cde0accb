/// Categories 6.5 to 6.23: the sequences of Markus Kuhn's UTF-8 decoder stress test, each in one text message.
let utf8SequenceCases: [ConformanceCase] = {
    var cases: [ConformanceCase] = []
    func add(_ category: Int, _ title: String, _ isValid: (Int) -> Bool, _ sequences: [[UInt8]]) {
        for (index, sequence) in sequences.enumerated() {
            let text = isValid(index)
            cases.append(
                ConformanceCase(
                    "6.\(category).\(index + 1)", title, "8.1", [Server.text(sequence), Server.text("next")],
                    messages: text ? [.text(sequence), .text("next")] : [], ending: text ? .open : .violation(1007)))
        }
    }
    func valid(_ category: Int, _ title: String, _ sequences: [[UInt8]]) {
        add(category, title, { _ in true }, sequences)
    }
    func invalid(_ category: Int, _ title: String, _ sequences: [[UInt8]]) {
        add(category, title, { _ in false }, sequences)
    }

    valid(
        5, "valid sequences",
        ["hello$world", "hello¢world", "hello€world", "hello𤭢world"].map { Array($0.utf8) } + [kosme])
    let wholeCharacters: Set<Int> = [2, 5, 7, 9, 11]
    add(
        6, "prefixes of a valid text", { wholeCharacters.contains($0 + 1) },
        (1...kosme.count).map { Array(kosme.prefix($0)) })
    valid(7, "first sequence of a length", [[0x00], [0xC2, 0x80], [0xE0, 0xA0, 0x80], [0xF0, 0x90, 0x80, 0x80]])
    invalid(
        8, "first sequence of a length, no character",
        [[0xF8, 0x88, 0x80, 0x80, 0x80], [0xFC, 0x84, 0x80, 0x80, 0x80, 0x80]])
    valid(9, "last sequence of a length", [[0x7F], [0xDF, 0xBF], [0xEF, 0xBF, 0xBF], [0xF4, 0x8F, 0xBF, 0xBF]])
    invalid(
        10, "last sequence of a length, no character",
        [[0xF7, 0xBF, 0xBF, 0xBF], [0xFB, 0xBF, 0xBF, 0xBF, 0xBF], [0xFD, 0xBF, 0xBF, 0xBF, 0xBF, 0xBF]])
    add(
        11, "other boundaries", { $0 < 4 },
        [
            [0xED, 0x9F, 0xBF], [0xEE, 0x80, 0x80], [0xEF, 0xBF, 0xBD], [0xF4, 0x8F, 0xBF, 0xBF],
            [0xF4, 0x90, 0x80, 0x80],
        ])
    invalid(
        12, "continuation bytes alone",
        [[0x80], [0xBF]] + (2...6).map { count in (0..<count).map { $0 % 2 == 0 ? 0x80 : 0xBF } } + [Array(0x80...0xBF)]
    )
    let leads: [ClosedRange<UInt8>] = [0xC0...0xDF, 0xE0...0xEF, 0xF0...0xF7, 0xF8...0xFB, 0xFC...0xFD]
    invalid(13, "lead bytes alone", leads.map { range in range.flatMap { [$0, 0x20] } })
    let unfinished: [[UInt8]] = [
        [0xC0], [0xE0, 0x80], [0xF0, 0x80, 0x80], [0xF8, 0x80, 0x80, 0x80], [0xFC, 0x80, 0x80, 0x80, 0x80],
        [0xDF], [0xEF, 0xBF], [0xF7, 0xBF, 0xBF], [0xFB, 0xBF, 0xBF, 0xBF], [0xFD, 0xBF, 0xBF, 0xBF, 0xBF],
    ]
    invalid(14, "last continuation byte missing", unfinished)
    invalid(15, "incomplete sequences, one after another", [unfinished.flatMap { $0 }])
    invalid(16, "impossible bytes", [[0xFE], [0xFF], [0xFE, 0xFE, 0xFF, 0xFF]])
    invalid(
        17, "overlong ASCII",
        [
            [0xC0, 0xAF], [0xE0, 0x80, 0xAF], [0xF0, 0x80, 0x80, 0xAF], [0xF8, 0x80, 0x80, 0x80, 0xAF],
            [0xFC, 0x80, 0x80, 0x80, 0x80, 0xAF],
        ])
    invalid(
        18, "highest overlong sequences",
        [
            [0xC1, 0xBF], [0xE0, 0x9F, 0xBF], [0xF0, 0x8F, 0xBF, 0xBF], [0xF8, 0x87, 0xBF, 0xBF, 0xBF],
            [0xFC, 0x83, 0xBF, 0xBF, 0xBF, 0xBF],
        ])
    invalid(
        19, "overlong NUL",
        [
            [0xC0, 0x80], [0xE0, 0x80, 0x80], [0xF0, 0x80, 0x80, 0x80], [0xF8, 0x80, 0x80, 0x80, 0x80],
            [0xFC, 0x80, 0x80, 0x80, 0x80, 0x80],
        ])
    let surrogates: [[UInt8]] = [
        [0xED, 0xA0, 0x80], [0xED, 0xAD, 0xBF], [0xED, 0xAE, 0x80], [0xED, 0xAF, 0xBF], [0xED, 0xB0, 0x80],
        [0xED, 0xBE, 0x80], [0xED, 0xBF, 0xBF],
    ]
    invalid(20, "surrogates", surrogates)
    invalid(
        21, "pairs of surrogates",
        surrogates.prefix(4).flatMap { high in [surrogates[4], surrogates[6]].map { high + $0 } })
    let noncharacters = (0...16).flatMap { [UInt32($0) << 16 | 0xFFFE, UInt32($0) << 16 | 0xFFFF] }
    valid(22, "noncharacters", noncharacters.map(encoded))
    valid(23, "specials", (0xFFF9...0xFFFF).map { encoded($0) })
    return cases
}()

private func encoded(_ scalar: UInt32) -> [UInt8] {
    Unicode.Scalar(scalar).map { Array(String($0).utf8) } ?? []
}
