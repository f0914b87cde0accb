import JSONText

/// The figures of the control interface.
///
/// | GET | members |
/// |---|---|
/// | `holes` | `dropped_at_ping`, `raced_subscriptions`, `lost_in_race`, `held_back`, `overtaken` |
/// | `pongs` | `count`, `p50`, `p99`, `max` in milliseconds |
/// | `polls` | `current` over all, `highest` at a time of one set of channels, `total` |
/// | `upgrades` | `accepted`, `refused`, `open` WebSockets |
/// | `rest-rate` | `calls`, `highest_1s`, `highest_10s`, `refused` by the limit, `token_requests` |
/// | `acknowledgements` | an array of `{"mid":…,"at":…}`, microseconds since 1970 |
///
/// `POST reset` begins all but the last anew.
struct ControlMeters: Sendable {
    let sandbox: Sandbox

    /// Nil if there are no such figures.
    func answer(_ name: String) -> JSONValue? {
        switch name {
        case "holes": holes
        case "pongs": pongs
        case "polls": polls
        case "upgrades": upgrades
        case "rest-rate": restRate
        case "acknowledgements": acknowledgements
        default: nil
        }
    }

    func reset() {
        sandbox.faults.holes.reset()
        sandbox.hub.pongs.reset()
        sandbox.polls.reset()
        sandbox.upgrades.reset()
        sandbox.callLog.resetRate()
    }

    private var holes: JSONValue {
        let counts = sandbox.faults.holes.counts
        return .object([
            ("dropped_at_ping", .integer(counts.droppedAtPing)),
            ("raced_subscriptions", .integer(counts.racedSubscriptions)),
            ("lost_in_race", .integer(counts.lostInRace)),
            ("held_back", .integer(counts.heldBack)),
            ("overtaken", .integer(counts.overtaken)),
        ])
    }

    private var pongs: JSONValue {
        let figures = sandbox.hub.pongs.figures
        return .object([
            ("count", .integer(figures.count)), ("p50", .decimal(figures.median)), ("p99", .decimal(figures.p99)),
            ("max", .decimal(figures.highest)),
        ])
    }

    private var polls: JSONValue {
        let figures = sandbox.polls.figures
        return .object([
            ("current", .integer(figures.current)), ("highest", .integer(figures.highest)),
            ("total", .integer(figures.total)),
        ])
    }

    private var upgrades: JSONValue {
        let figures = sandbox.upgrades.figures
        return .object([
            ("accepted", .integer(figures.accepted)), ("refused", .integer(figures.refused)),
            ("open", .integer(sandbox.connections.count { !$0.isPoll })),
        ])
    }

    private var restRate: JSONValue {
        let rate = sandbox.callLog.rate
        return .object([
            ("calls", .integer(rate.calls)), ("highest_1s", .integer(rate.highestInSecond)),
            ("highest_10s", .integer(rate.highestInTenSeconds)), ("refused", .integer(rate.refused)),
            ("token_requests", .integer(rate.tokenRequests)),
        ])
    }

    private var acknowledgements: JSONValue {
        .array(
            sandbox.hub.acknowledgements.all.map {
                .object([("mid", .string($0.id.description)), ("at", .integer($0.at))])
            })
    }
}
