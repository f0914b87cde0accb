import PullProtocol
import Timing

/// The wall clock, and how long the push server has not been heard of.
extension SessionMachine {
    /// Seconds between the two clocks from which on the wall clock was set or the machine has slept.
    private static var largestDrift: Double { 30 }

    /// Connections may be dead after a sleep, and times that the portal names have to be placed anew.
    mutating func watchClock(at now: Moment, _ actions: inout [SessionAction]) {
        defer { lastMoment = now }
        guard let last = lastMoment else { return }
        let jump = now.jump(since: last)
        guard abs(jump) > Self.largestDrift else { return }
        actions.append(.note(.clockJumped(seconds: jump)))
        isClockInDoubt = true
        // Time does not go back, so the clock was set: the portal's has gone on. Forward it may have been a sleep.
        if jump < 0 { skew -= jump }
        if configuration != nil { requestFetch(.clock, in: 1...10, at: now) }
        for link in links where link.transport == .webSocket && link.openedAt != nil && link.pingedAt == nil {
            change(link.id) { $0.pingedAt = now.monotonic }
            actions.append(.ping(link.id))
        }
    }

    /// A frame that came before the clock is looked at belongs to the time before a sleep.
    mutating func noteContact(lastBytesAt: Duration, at now: Moment) {
        let last = lastMoment ?? now
        let heard = last.wall + (lastBytesAt - last.monotonic).inSeconds
        lastContact = max(lastContact ?? heard, heard)
    }

    /// The push server is there. What it held longer ago than it keeps messages is gone.
    mutating func noteReturn(at now: Moment) {
        if let lastContact, now.wall - lastContact > Self.retention { owesRetentionGap = true }
        lastContact = now.wall
    }
}
