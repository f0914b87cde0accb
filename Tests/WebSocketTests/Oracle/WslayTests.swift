import Testing
import WebSocket

// wslay 1.1.1 departs from RFC 6455 in two places that the streams therefore leave out: it accepts a Close frame with
// one byte, and it checks the reason's UTF-8 wrongly when a Close frame arrives in pieces. `ConformanceTests` has both.
@Suite("A session decodes as wslay does")
struct WslayTests {
    @Test(
        "A5: 10,000 random streams give the same messages, pongs and close as wslay gives",
        arguments: [0..<2500, 2500..<5000, 5000..<7500, 7500..<10_000])
    func sameAsWslay(_ seeds: Range<UInt64>) {
        for seed in seeds {
            let stream = FrameStream(seed: seed)
            var limits = WebSocketSession.Limits()
            if seed % 2 == 1 { limits.frontSize = 1 << (seed % 17) }
            let ours = Reception(stream.bytes, cuts: stream.cuts, limits: limits)
            let wslay = WslaySession()
            guard let frames = wslay.receive(stream.bytes, cuts: stream.cutsAroundClose) else {
                Issue.record("seed \(seed): wslay failed")
                continue
            }
            let label = "seed \(seed), \(stream.fault.map { "\($0)" } ?? "no fault")"
            if ours.messages != wslay.messages {
                Issue.record("\(label): messages \(ours.messages), wslay's \(wslay.messages)")
            }
            let pongs = frames.filter { $0.opcode == 0xA }.map(\.payload)
            if ours.pongs != pongs { Issue.record("\(label): \(ours.pongs.count) pongs, wslay's \(pongs.count)") }
            let closes = frames.filter { $0.opcode == 0x8 }.map { wslay.sawWrongHeader ? 1002 : $0.closeCode }
            if ours.closes != closes { Issue.record("\(label): closes \(ours.closes), wslay's \(closes)") }
            compareEnding(ours, wslay, label)
        }
    }

    private func compareEnding(_ ours: Reception, _ wslay: WslaySession, _ label: String) {
        switch ours.ending {
        case .closedByPeer(let frame):
            let code = frame.code == CloseFrame.noCode ? 0 : frame.code
            if wslay.close?.code != code || wslay.close?.reason != Array(frame.reason.utf8) {
                Issue.record("\(label): \(frame), wslay's \(String(describing: wslay.close))")
            }
        default:
            if wslay.close != nil { Issue.record("\(label): wslay saw a close") }
        }
    }

    @Test("the 10,000 streams hold every fault, every ending and streams without an end")
    func generatorReachesEverything() {
        let streams = (0..<UInt64(400)).map { FrameStream(seed: $0) }
        #expect(Set(streams.compactMap(\.fault)).count == FrameStream.Fault.allCases.count)
        let endings = streams.map { Reception($0.bytes).ending }
        #expect(endings.contains { if case .closedByPeer = $0 { true } else { false } })
        #expect(endings.contains { $0 == nil })
        #expect(streams.contains { $0.bytes.count > 65536 })
    }
}
