import PullProtocol

@testable import Subscription

extension Simulation {
    enum Fault: CaseIterable, Hashable {
        case cut, portalTurns, pushTurns, webSocketTurns, pollingTurns, crash, clock, sleep, wipe, goBack

        /// Seconds until it first strikes, at the longest.
        var interval: Double {
            switch self {
            case .cut: 1500
            case .portalTurns, .pushTurns: 3000
            case .webSocketTurns, .pollingTurns: 2000
            case .crash: 2500
            case .clock, .sleep: 2500
            case .wipe, .goBack: 4000
            }
        }
    }

    /// What kind of world a seed stands for.
    struct World {
        var choice = TransportChoice.automatic
        var hasWebSocket = true
        var hasPolling = true
        var startsWithRetained = false
        var channelLife: Double
        var eventInterval: Double
        var sharedPart: Double
        var faults: [Fault] = []
        /// Parts of all messages, pings, connections…
        var bursts = 0.0
        var slowStores = 0.0
        var drops = 0.0
        var refusals: Double
        /// Seconds.
        var longestDeafness = 0.0
        var longestRace = 0.0

        init(random: inout SeededRandom) {
            func isSo(_ part: Double) -> Bool { Double.random(in: 0..<1, using: &random) < part }
            switch Int.random(in: 0..<10, using: &random) {
            case 0: choice = .longPollingOnly
            case 1: choice = .webSocketOnly
            case 2: hasWebSocket = false
            case 3: hasPolling = false
            default: break
            }
            startsWithRetained = isSo(0.5)
            channelLife = Double.random(in: 600...2400, using: &random)
            eventInterval = Double.random(in: 5...90, using: &random)
            sharedPart = Double.random(in: 0.1...0.9, using: &random)
            refusals = isSo(0.5) ? Double.random(in: 0...0.3, using: &random) : 0
            if isSo(0.3) { bursts = Double.random(in: 0...0.05, using: &random) }
            if isSo(0.5) { slowStores = Double.random(in: 0...0.2, using: &random) }
            if isSo(0.3) { drops = Double.random(in: 0...0.05, using: &random) }
            if isSo(0.6) { longestDeafness = Double.random(in: 0.1...10, using: &random) }
            if isSo(0.5) { longestRace = Double.random(in: 0.1...5, using: &random) }
            for fault in Fault.allCases where isSo(fault == .wipe || fault == .goBack ? 0.05 : 0.35) {
                faults.append(fault)
            }
        }
    }

    mutating func strike(_ fault: Fault) {
        switch fault {
        case .cut:
            if let id = links.keys.sorted(by: { $0.number < $1.number }).randomElement(using: &random) { cut(id) }
        case .portalTurns:
            portalIsUp.toggle()
            return plan(.fault(fault), in: portalIsUp ? 300...3000 : 10...2400)
        case .pushTurns:
            pushIsUp.toggle()
            return plan(.fault(fault), in: pushIsUp ? 300...3000 : 5...1500)
        case .webSocketTurns:
            webSocketPasses.toggle()
            if !webSocketPasses, Bool.random(using: &random) {
                for (id, link) in links.sorted(by: { $0.key.number < $1.key.number })
                where link.transport == .webSocket {
                    cut(id)
                }
            }
            return plan(.fault(fault), in: webSocketPasses ? 300...3000 : 60...2400)
        case .pollingTurns:
            pollingPasses.toggle()
            return plan(.fault(fault), in: pollingPasses ? 300...3000 : 10...1500)
        case .crash:
            if isRunning {
                crash()
                // Now and then for longer than servers keep messages.
                if Int.random(in: 0..<20, using: &random) == 0 { skip(100_000) }
                plan(.starts, in: 0.5...(Bool.random(using: &random) ? 5 : 2500))
            }
        case .clock: clockAhead += Double.random(in: -4000...4000, using: &random)
        case .sleep where now < sleepsUntil: break
        case .sleep:
            let length = Double.random(in: 10...2000, using: &random)
            sleepsUntil = now + length
            slept += length
            for id in links.keys.sorted(by: { $0.number < $1.number }) where Bool.random(using: &random) {
                links[id]?.isDead = true
                let end = LinkEnd(.pollTimeout, cause: "asleep")
                if links[id]?.transport == .longPolling { plan(.ended(id, end), in: length...length + 60) }
            }
        case .wipe:
            unreachable.formUnion(server.wipe(at: Self.epoch + now))
        case .goBack:
            unreachable.formUnion(server.goBack(by: UInt64.random(in: 1...200, using: &random)))
            if let newest = memory.newest { rewinds.append((Self.epoch + now, newest)) }
        }
        plan(.fault(fault), in: 1...2 * fault.interval)
    }

    /// Half of the cuts are told at once, the others only by silence.
    private mutating func cut(_ id: LinkID) {
        let end = LinkEnd(.closed(code: 1006, reason: ""), cause: "cut")
        if Bool.random(using: &random) { return plan(.ended(id, end), in: 0...0) }
        links[id]?.isDead = true
        let isPolling = links[id]?.transport == .longPolling || links[id]?.isOpen == false
        if isPolling { plan(.ended(id, end), in: 10...100) }
    }

    private mutating func skip(_ seconds: Double) {
        queue = queue.map { ($0.at + seconds, $0.what) }
        now += seconds
        skipped += seconds
    }

    private mutating func crash() {
        isRunning = false
        links = [:]
        // What was under way may have been overtaken by what has arrived.
        for case .arrives(_, let messages, isHistory: false) in queue.map(\.what) {
            dropped.formUnion(messages.map(\.serial))
        }
        queue.removeAll { !$0.what.isOfWorld }
        memory.crash(at: now, losing: Double.random(in: 0...1, using: &random))
    }

    mutating func calm() {
        isQuiet = true
        portalIsUp = true
        pushIsUp = true
        webSocketPasses = true
        pollingPasses = true
    }

    // MARK: Judgement

    /// What a gap record tells of.
    mutating func cover(_ gap: SessionGap) {
        gaps += 1
        let gapAnswer = gapAnswers[gap.channel]
        if gap.reason == .historyLimit, let channel = gapAnswer?.channel { memory.recordedGap(of: channel) }
        let time = Self.epoch + now
        if gap.reason == .formerChannels, gap.channel != .unknown {
            let letter = gap.channel == .private ? "a" : "b"
            let wereOthers = server.all.contains { $0.hasSuffix(letter) && !named.contains($0) }
            // That there were none is told by a message, too: without it nobody can know.
            let isUntold = server.messages.contains { message in
                message.kind == gap.channel && message.expired.map(named.contains) == true
                    && memory.accepted[message.serial] == nil && isOutOfReach(message)
            }
            // Of channels that ended longer ago than servers keep messages nothing is asked.
            if !wereOthers && !isUntold && skipped == 0 { groundless += 1 }
        }
        for message in server.messages where memory.accepted[message.serial] == nil {
            switch gap.reason {
            case .historyLimit:
                guard gap.channel == message.kind || gap.channel == .unknown,
                    let lowest = gapAnswer?.lowest, message.id < lowest
                else { continue }
            case .retention: guard message.publishedAt < time - SimulatedServer.retention + 3600 else { continue }
            case .formerChannels, .serverStoreLost:
                if machine.configuration?.keys.contains(message.channel) == true { continue }
            }
            coveredByGap.insert(message.serial)
        }
    }

    /// Not sent, and nothing that is asked for brings it.
    private func isOutOfReach(_ message: SimulatedServer.Message) -> Bool {
        let isHole = dropped.contains(message.serial) || server.late.contains(message.serial)
        return unreachable.contains(message.serial)
            || rewinds.contains { message.publishedAt >= $0.at && message.id <= $0.through }
            // Filled by nothing before a hundred others came.
            || isHole && server.leftOut.contains(message.serial)
    }

    /// Numbers of the events that were lost silently, and of those that came twice.
    var faults: (lost: [Int], doubled: [Int]) {
        let since = world.startsWithRetained ? -.infinity : max(firstAcceptedAt ?? .infinity, firstLiveAt ?? .infinity)
        let lost = server.messages.filter { message in
            message.isEvent && memory.accepted[message.serial] == nil && message.publishedAt > since
                && (named.contains(message.channel) || message.publishedAt > firstNamedAt ?? .infinity)
                && !coveredByGap.contains(message.serial) && !isOutOfReach(message)
        }
        return (lost.map(\.serial), memory.accepted.filter { $0.value > 1 }.map(\.key).sorted())
    }
}
