import Events
import PullProtocol
import Settings

/// What a configuration's channels and the portal's clock come to.
enum ChannelStages {
    /// Clocks that differ by less are no matter, in seconds.
    static let usualSkew = 30.0
    /// By so much, programs refuse signatures (Standard Webhooks), in seconds.
    static let signatureTolerance = 300.0

    /// - Parameter portalTime: the portal's clock, Unix seconds.
    static func channels(
        _ configuration: PullConfiguration, wanted: Set<ChannelKind>, portalTime: Double
    ) -> Finding {
        let channels = configuration.channels.filter { wanted.contains($0.kind) }
        guard !channels.isEmpty else {
            if configuration.jwt != nil { return .ok(.channels, "named by a token") }
            return .failed(
                .channels, .unavailable, "the portal gives none of the wanted channels",
                cure: "check the portal's channels setting in the file")
        }
        let ended = channels.filter { Double($0.end) <= portalTime }
        if let channel = ended.first {
            let span = TimeSpan.text(portalTime - Double(channel.end))
            return .failed(
                .channels, .unavailable, "\(channel.kind.word) ended \(span) ago, and the portal makes no new one",
                cure: "check the clock of the portal's machine, and clear the portal's cache")
        }
        let detail = channels.map { "\($0.kind.word) ends in \(TimeSpan.text(Double($0.end) - portalTime))" }
        let missing = wanted.subtracting(channels.map(\.kind)).map(\.word).sorted()
        guard let name = missing.first, configuration.jwt == nil else {
            return .ok(.channels, detail.joined(separator: ", "))
        }
        return .warning(
            .channels, "\(detail.joined(separator: ", ")); the portal gives no \(name) channel",
            cure: "leave \(name) out of the portal's channels setting if it is not needed")
    }

    /// - Parameters:
    ///   - skew: by how many seconds the portal's clock is ahead of this machine's.
    ///   - signs: a webhook of the file signs its requests.
    static func clock(skew: Double, signs: Bool) -> Finding {
        if abs(skew) < 2 { return .ok(.clock, "the same as the portal's") }
        let way = skew > 0 ? "behind" : "ahead of"
        let detail = "\(TimeSpan.text(abs(skew))) \(way) the portal's"
        if abs(skew) < usualSkew { return .ok(.clock, detail) }
        let cure = "set this machine's clock (timedatectl set-ntp true), or have the portal's set"
        guard signs, abs(skew) > signatureTolerance else { return .warning(.clock, detail, cure: cure) }
        return .failed(
            .clock, .unavailable, "\(detail): programs that check signatures refuse requests of such a time", cure: cure
        )
    }
}

extension ChannelKind {
    /// As in the file.
    fileprivate var word: String {
        switch self {
        case .shared: "shared"
        case .private: "private"
        case .unknown: "unknown"
        }
    }
}
