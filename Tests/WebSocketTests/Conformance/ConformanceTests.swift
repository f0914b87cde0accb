import Testing

/// RFC 6455 in the categories of the Autobahn test suite, for the client's side.
@Suite("A session keeps RFC 6455 as the Autobahn categories ask, in whatever pieces the bytes arrive")
struct ConformanceTests {
    @Test("1: every form of the length field is read, none but the shortest accepted", arguments: framingCases)
    func framing(_ row: ConformanceCase) { row.check() }

    @Test("2: pings are answered with their payload, pongs with nothing", arguments: pingCases)
    func pings(_ row: ConformanceCase) { row.check() }

    @Test("3: reserved bits end the connection", arguments: reservedBitCases)
    func reservedBits(_ row: ConformanceCase) { row.check() }

    @Test("4: reserved opcodes end the connection", arguments: opcodeCases)
    func opcodes(_ row: ConformanceCase) { row.check() }

    @Test("5: fragments make one message, control frames may come between", arguments: fragmentationCases)
    func fragmentation(_ row: ConformanceCase) { row.check() }

    @Test("6: text is UTF-8 across fragments, and fails at the first wrong byte", arguments: utf8Cases)
    func utf8(_ row: ConformanceCase) { row.check() }

    @Test("6: every sequence of the UTF-8 stress test is judged rightly", arguments: utf8SequenceCases)
    func utf8Sequences(_ row: ConformanceCase) { row.check() }

    @Test("7: a close is answered once, nothing is read after it, bad codes are refused", arguments: closingCases)
    func closing(_ row: ConformanceCase) { row.check() }

    @Test("9: large messages and many small ones arrive whole", arguments: volumeCases)
    func volume(_ row: ConformanceCase) { row.check() }

    @Test("10: a message in automatic fragments arrives whole", arguments: automaticFragmentationCases)
    func automaticFragmentation(_ row: ConformanceCase) { row.check() }

    @Test("the tables hold at least 250 cases, no number twice")
    func count() {
        let all = [
            framingCases, pingCases, reservedBitCases, opcodeCases, fragmentationCases, utf8Cases, utf8SequenceCases,
            closingCases, volumeCases, automaticFragmentationCases,
        ].flatMap { $0 }
        #expect(all.count >= 250)
        #expect(Set(all.map(\.number)).count == all.count)
    }
}
