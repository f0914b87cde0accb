import EndToEndSupport
import Foundation
import Secrets
import Synchronization

/// A portal and its push server that answer what a subscriber needs, and then send frames as fast as the socket takes
/// them. It is made to be faster than anything that reads: prepared memory, one call for a megabyte.
final class BlastServer: Sendable {
    struct Plan: Sendable {
        var mode: SampleEvents.Mode
        var eventSize: Int
        var eventsPerFrame = 10
        var events: Int
        /// Nil: as fast as the socket takes them. Else frames of one event each.
        var perSecond: Int?

        var frames: Int { events / eventsPerFrame }
    }

    /// What happened, for whoever measures.
    struct Progress {
        var isUpgraded = false
        var mayBlast = false
        /// All that will be sent, known once the memory is prepared.
        var bytes = 0
        var processorSeconds = 0.0
        /// Everything sent; a reader may still be reading.
        var isComplete = false
        var failure: String?
        /// With a rate: when each frame went, by `now`.
        var sentAt: [Double] = []
    }

    let port: UInt16
    private let plan: Plan
    private let shared = Mutex(Progress())

    init(_ plan: Plan) throws {
        self.plan = plan
        let (listener, port) = try LoopbackPort.listener(backlog: 64)
        self.port = port
        Thread.detachNewThread { self.accept(listener) }
    }

    var progress: Progress { shared.withLock { $0 } }

    func letGo() { shared.withLock { $0.mayBlast = true } }

    private func accept(_ listener: Int32) {
        while true {
            let client = Glibc.accept(listener, nil, nil)
            guard client >= 0 else { return }
            Thread.detachNewThread {
                self.serve(client)
                close(client)
            }
        }
    }

    private func serve(_ client: Int32) {
        var connection = BlastConnection(descriptor: client)
        while let request = connection.request() {
            if request.head.contains("/pull.application.config.get") {
                connection.answer(configuration)
            } else if let key = request.header("sec-websocket-key") {
                connection.upgrade(key)
                blast(client)
                connection.answerPings()
                return
            } else {
                connection.answer(#"{"error":"ERROR_METHOD_NOT_FOUND"}"#, status: "404 Not Found")
            }
        }
    }

    /// The first connection gets everything, later ones silence.
    private func blast(_ client: Int32) {
        let isFirst = shared.withLock { progress in
            defer { progress.isUpgraded = true }
            return !progress.isUpgraded
        }
        guard isFirst else { return }
        let region = BlastRegion(mode: plan.mode, size: plan.eventSize, eventsPerFrame: plan.eventsPerFrame)
        shared.withLock { $0.bytes = region.byteCount / region.frames * plan.frames }
        while !shared.withLock({ $0.mayBlast }) { usleep(1000) }
        if let rate = plan.perSecond { return send(region, rate, to: client) }
        let start = Self.threadSeconds()
        var frames = plan.frames
        var sent = 0
        while frames > 0 {
            let count = min(frames, region.frames)
            let bytes = region.prepare(numbersFrom: sent, frames: count)
            guard BlastConnection.sendAll(bytes, to: client) else {
                shared.withLock { $0.failure = "the subscriber went away: \(SystemFailure("send"))" }
                return
            }
            frames -= count
            sent += count * plan.eventsPerFrame
        }
        shared.withLock { progress in
            progress.processorSeconds = Self.threadSeconds() - start
            progress.isComplete = true
        }
    }

    private func send(_ region: BlastRegion, _ rate: Int, to client: Int32) {
        let start = Self.now()
        for number in 0..<plan.frames {
            let wait = start + Double(number) / Double(rate) - Self.now()
            if wait > 0 { usleep(UInt32(wait * 1_000_000)) }
            let bytes = region.prepare(numbersFrom: number, frames: 1)
            let now = Self.now()
            shared.withLock { $0.sentAt.append(now) }
            guard BlastConnection.sendAll(bytes, to: client) else {
                shared.withLock { $0.failure = "the subscriber went away: \(SystemFailure("send"))" }
                return
            }
        }
        shared.withLock { $0.isComplete = true }
    }

    /// Seconds on the monotonic clock.
    static func now() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }

    private var configuration: String {
        let now = Int(Date().timeIntervalSince1970)
        let dates = #""start":\#(now - 60),"end":\#(now + 43_145)"#
        let shared = String(repeating: "5", count: 32) + "." + String(repeating: "a", count: 40)
        let identity = String(repeating: "7", count: 32)
        let version = plan.mode == .text ? 3 : 4
        let own = (version == 4 ? identity + ":" : "") + identity + "." + String(repeating: "b", count: 40)
        return """
            {"result":{"server":{"version":\(version),"server_enabled":true,"mode":"personal",\
            "long_polling":"http://127.0.0.1:\(port)/sub/","long_pooling_secure":"",\
            "websocket_enabled":true,"websocket":"ws://127.0.0.1:\(port)/subws/","websocket_secure":"",\
            "publish_enabled":false,"config_timestamp":0},\
            "channels":{"shared":{"id":"\(shared)",\(dates),"type":"shared"},\
            "private":{"id":"\(own)",\(dates),"type":"private"}},"api":{"revision_web":19,"revision_mobile":3}},\
            "time":{"start":\(now),"finish":\(now),"duration":0}}
            """
    }

    private static func threadSeconds() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }
}
