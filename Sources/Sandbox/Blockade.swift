/// How a door is shut.
public enum Blockade: Sendable, Equatable {
    /// Everybody gets this answer.
    case answer(Faults.RawAnswer)
    /// The TCP connection is accepted, and ends without a byte.
    case drop
    /// The TCP connection is accepted, and nothing comes, until the door opens: then it ends without a byte.
    case silence

    /// Seconds after which a silent connection ends in any case.
    static let longestSilence = 600.0

    /// What a proxy that lets no WebSocket through answers.
    public static let proxyPage = Blockade.answer(
        Faults.RawAnswer(status: 403, body: "<html><body><h1>403 Forbidden</h1>proxy</body></html>"))

    /// - Parameter isShut: asked several times a second.
    func reply(while isShut: @Sendable () -> Bool) async -> WebReply {
        switch self {
        case .answer(let answer): return answer.reply
        case .drop: return .cut
        case .silence:
            let end = ContinuousClock.now.advanced(by: .seconds(Self.longestSilence))
            while isShut(), ContinuousClock.now < end, !Task.isCancelled {
                try? await Task.sleep(for: .milliseconds(50))
            }
            return .cut
        }
    }
}

extension Faults.RawAnswer {
    /// A page if the body looks like one, otherwise plain text.
    var reply: WebReply {
        guard body.hasPrefix("<") else { return .text(body, status: status) }
        return .response(status: status, headers: [("Content-Type", "text/html")], body: Array(body.utf8))
    }
}
