/// Category 6: UTF-8 in fragments and pieces. The sequences of one unfragmented message are in `utf8SequenceCases`.
let utf8Cases: [ConformanceCase] = {
    let edited = kosme + [0xED, 0xA0, 0x80] + Array("edited".utf8)
    let beyond: [UInt8] = kosme + [0xF4, 0x90, 0x80, 0x80] + Array("edited".utf8)
    let mixed = Array("Hello-µ@ßöäüàá-UTF-8!!".utf8)
    let halves = [Server.text("Hello-µ@ßöä", fin: false), Server.rest("üàá-UTF-8!!")]
    return [
        ConformanceCase("6.1.1", "empty text", "8.1", [Server.text("")], messages: [.text("")]),
        ConformanceCase(
            "6.1.2", "text in three empty fragments", "8.1",
            [Server.text("", fin: false), Server.rest("", fin: false), Server.rest("")], messages: [.text("")]),
        ConformanceCase(
            "6.1.3", "text in three fragments, first and last empty", "8.1",
            [Server.text("", fin: false), Server.rest("middle frame payload", fin: false), Server.rest("")],
            messages: [.text("middle frame payload")]),
        ConformanceCase("6.2.1", "valid text", "8.1", [Server.text(mixed)], messages: [.text(mixed)]),
        ConformanceCase(
            "6.2.2", "valid text in two fragments, cut between characters", "8.1", halves, messages: [.text(mixed)]),
        inBytes("6.2.3", "valid text in fragments of one byte", mixed),
        inBytes("6.2.4", "valid text of long characters in fragments of one byte", kosme),
        ConformanceCase(
            "6.3.1", "text with a surrogate", "8.1", [Server.text(edited)], ending: .violation(1007)),
        inBytes("6.3.2", "text with a surrogate in fragments of one byte", edited, isValid: false),
        ConformanceCase(
            "6.4.1", "fails on the fragment that goes beyond U+10FFFF", "8.1",
            [
                Server.text(kosme, fin: false), Server.rest([0xF4, 0x90, 0x80, 0x80], fin: false),
                Server.ping("not answered"), Server.rest("edited"),
            ], ending: .violation(1007)),
        ConformanceCase(
            "6.4.2", "fails on the byte that goes beyond U+10FFFF, before the character is whole", "8.1",
            [
                Server.text(kosme + [0xF4], fin: false), Server.ping("answered"), Server.rest([0x90], fin: false),
                Server.ping("not answered"), Server.rest([0x80, 0x80] + Array("edited".utf8)),
            ], pongs: [Array("answered".utf8)], ending: .violation(1007)),
        // The end of the frame never comes, and the verdict does not wait for it.
        ConformanceCase(
            "6.4.3", "fails within a frame that has not arrived whole, behind the character", "8.1",
            [Array(Server.text(beyond).prefix(2 + kosme.count + 4))], ending: .violation(1007)),
        ConformanceCase(
            "6.4.4", "fails within a frame that has not arrived whole, at the second byte", "8.1",
            [Array(Server.text(beyond).prefix(2 + kosme.count + 2))], ending: .violation(1007)),
        ConformanceCase(
            "6+.1", "text that ends within a character", "8.1", [Server.text([0x61, 0xE2, 0x82])],
            ending: .violation(1007)),
        ConformanceCase(
            "6+.2", "text whose last fragment is empty, within a character", "8.1",
            [Server.text([0xE2, 0x82], fin: false), Server.rest([UInt8]())], ending: .violation(1007)),
        ConformanceCase(
            "6+.3", "binary that is not UTF-8", "5.6", [Server.binary([0xFF, 0xC0])], messages: [.binary([0xFF, 0xC0])]),
        ConformanceCase(
            "6+.4", "a character cut in two by a ping that is not UTF-8", "8.1",
            [Server.text([0xE2], fin: false), Server.ping([0xFF]), Server.rest([0x82, 0xAC])],
            messages: [.text("€")], pongs: [[0xFF]]),
    ]
}()

/// "κόσμε" with the accent in one character.
let kosme: [UInt8] = [0xCE, 0xBA, 0xE1, 0xBD, 0xB9, 0xCF, 0x83, 0xCE, 0xBC, 0xCE, 0xB5]

private func inBytes(_ number: String, _ title: String, _ text: [UInt8], isValid: Bool = true) -> ConformanceCase {
    ConformanceCase(
        number, title, "8.1", [Server.fragmented(0x1, text, size: 1)], messages: isValid ? [.text(text)] : [],
        ending: isValid ? .open : .violation(1007))
}
