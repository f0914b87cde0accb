import Logging
import PullProtocol
import Timing

/// Heartbeats: the driver of `Heartbeat`.
extension Session {
    /// Module and command of a heartbeat, as filters name it.
    public static let heartbeatEvent = "\(Heartbeat.module)/\(Heartbeat.command)"

    /// Sends heartbeats until the task is cancelled.
    func beat(every interval: Duration) async {
        heartbeat = Heartbeat(interval: interval, now: time.now().monotonic, random: .random(in: 0...1))
        while !Task.isCancelled, let deadline = heartbeat?.deadline {
            let rest = deadline - time.now().monotonic
            do { try await Task.sleep(for: max(rest, .milliseconds(10))) } catch { return }
            let now = time.now().monotonic
            let number = UInt64.random(in: 0 ... .max)
            let canReturn = isLive && privateUser != nil
            guard
                let (notes, sends) = heartbeat?.tick(
                    now: now, isLive: canReturn, number: number, random: .random(in: 0...1))
            else { return }
            for note in notes { tell(note, at: now) }
            if isLive, privateUser == nil { cannotBeat() }
            if sends, let user = privateUser { await publish(number, to: user) }
        }
    }

    private func cannotBeat() {
        board.heartbeatsEnd()
        if hasToldOfNoHeartbeat { return }
        hasToldOfNoHeartbeat = true
        logger.warning(
            "no heartbeats: the portal does not say whose private channel this is",
            metadata: ["cure": "leave the portal's `heartbeat` setting out"])
    }

    private func publish(_ number: UInt64, to user: Int) async {
        do {
            try await portal.publish(
                command: Heartbeat.command, params: Heartbeat.params(number), module: Heartbeat.module,
                users: ["\(user)"])
        } catch {
            if Task.isCancelled { return }
            logger.debug("the portal refuses a heartbeat", metadata: ["cause": "\(error.message)"])
            if let note = heartbeat?.refused(number) { tell(note, at: time.now().monotonic) }
        }
    }

    func arrived(_ numbers: [UInt64]) {
        let now = time.now().monotonic
        for number in numbers {
            if let note = heartbeat?.arrived(number, at: now) { tell(note, at: now) }
        }
    }

    private func tell(_ note: Heartbeat.Note, at now: Duration) {
        board.heartbeat(note, at: now)
        switch note {
        case .sent: break
        case .returned(let roundTrip):
            logger.debug(
                "a heartbeat is back", metadata: ["ms": "\(Int(roundTrip.inSeconds * 1000))"])
        case .lost: logger.warning("a heartbeat is lost")
        }
    }
}
