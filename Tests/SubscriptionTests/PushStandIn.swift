import EndToEndSupport
import Foundation
import Secrets
import Synchronization

/// A portal and its push server on one loopback port, as far as a session needs them: texts in envelopes, a store, live
/// messages, long polls and WebSockets.
final class PushStandIn: Sendable {
    struct Message {
        var counter: UInt64
        var body: String
        var channel: String
    }

    struct State {
        var version = 3
        var hasWebSocket = true
        var hasLongPolling = true
        var channels = ["a", "b"]
        /// Whose private channel it is, if the portal says so.
        var user: Int?
        var stored: [Message] = []
        /// Connections and polls: `ws` or `poll`, the channels, the position.
        var asked: [String] = []
        var configurations = 0
        /// Texts that came through WebSockets.
        var received: [String] = []
        var pongs = 0
        var sockets: [StandInPeer] = []
        /// The newest messages of a channel that the store gives.
        var depth = 100
        var refusesPolls: Int?
        /// Where the configuration says that polls go; nil: here.
        var pollPort: UInt16?
        /// A WebSocket's history stops after so many bytes, until this is nil.
        var historyPause: Int?
        var isOver = false
        /// Nobody takes new connections.
        var isHanging = false
        var fillers: [Int32] = []
    }

    let port: UInt16
    private let listener: Int32
    private let state = Mutex(State())

    init(_ edit: (inout State) -> Void = { _ in }) throws {
        listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = INADDR_LOOPBACK.bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let listener = listener
        let isBound = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, length) == 0 && listen(listener, 64) == 0
                    && getsockname(listener, $0, &length) == 0
            }
        }
        guard isBound else { throw POSIXError(.EADDRNOTAVAIL) }
        port = UInt16(bigEndian: address.sin_port)
        state.withLock { edit(&$0) }
        Thread.detachNewThread { [weak self] in
            while true {
                let descriptor = accept(listener, nil, nil)
                guard descriptor >= 0 else {
                    // Here and nowhere else: closed under this thread, its number could be another listener's.
                    close(listener)
                    return
                }
                let peer = StandInPeer(descriptor)
                Thread.detachNewThread { [weak self] in
                    self?.serve(peer)
                    peer.end()
                }
                while self?.now.isHanging == true { usleep(5000) }
            }
        }
    }

    deinit {
        // Wakes the thread in accept.
        shutdown(listener, Int32(SHUT_RDWR))
    }

    /// Ends all connections; the threads end with them.
    func end() {
        let sockets = state.withLock { state in
            state.isOver = true
            return state.sockets
        }
        for peer in sockets { peer.end() }
        change { state in
            for filler in state.fillers { close(filler) }
            state.fillers = []
        }
    }

    /// From now on new connections hang: nobody takes them, and the queue of those that wait is full.
    func hang() throws {
        change { $0.isHanging = true }
        listen(listener, 0)
        // The thread that waits in accept takes the first; the second is the queue.
        for _ in 0..<2 {
            let filler = try LoopbackPort.connection(to: port)
            change { $0.fillers.append(filler) }
        }
    }

    var url: String { "http://127.0.0.1:\(port)" }
    var now: State { state.withLock { $0 } }
    func change(_ edit: (inout State) -> Void) { state.withLock { edit(&$0) } }

    // MARK: The test's side

    /// Stores messages and, unless they are `silent`, sends them to everybody connected.
    func publish(_ counters: ClosedRange<UInt64>, channel: String = "a", silent: Bool = false) {
        let messages = counters.map { Self.message($0, channel) }
        let sockets = state.withLock { state in
            state.stored += messages
            return silent ? [] : state.sockets
        }
        for peer in sockets { peer.send(Self.text(messages)) }
    }

    /// A control ping, or the text of the newer protocol.
    func ping(isText: Bool = false) {
        for peer in now.sockets { isText ? peer.send("ping") : peer.frame(9, Array("ws ping".utf8)) }
    }

    func send(_ text: String) {
        for peer in now.sockets { peer.send(text) }
    }

    /// Cuts all WebSockets.
    func cut() {
        for peer in now.sockets { peer.end() }
    }

    static func mid(_ counter: UInt64) -> String {
        let digits = "\(counter)"
        return "1700000000" + String(repeating: "0", count: 16 - digits.count) + digits
    }

    private static func message(_ counter: UInt64, _ channel: String = "a") -> Message {
        Message(counter: counter, body: #"{"module_id":"m","command":"c\#(counter)"}"#, channel: channel)
    }

    /// A message as it comes, in an envelope.
    static func text(of counter: UInt64) -> String { text([message(counter)]) }

    private static func text(_ messages: [Message]) -> String {
        messages.map { "#!NGINXNMS!#{\"mid\":\"\(mid($0.counter))\",\"text\":\($0.body)}#!NGINXNME!#" }.joined()
    }

    // MARK: The server

    private func serve(_ peer: StandInPeer) {
        guard let head = peer.readHead(), let line = head.split(separator: "\r\n").first else { return }
        let target = line.split(separator: " ").dropFirst().first.map(String.init) ?? ""
        if target.hasPrefix("/rest/") {
            peer.answer(200, configuration())
        } else if target.hasPrefix("/sub/") {
            servePoll(peer, target)
        } else if target.hasPrefix("/ws/") {
            serveWebSocket(peer, target, head)
        } else {
            peer.answer(404, "")
        }
    }

    private func configuration() -> String {
        let state = state.withLock { state in
            state.configurations += 1
            return state
        }
        let end = Int(Date().timeIntervalSince1970) + 43_000
        let names = zip(["private", "shared"], state.channels).map { name, letter in
            #""\#(name)":{"id":"\#(Self.id(letter))","end":\#(end),"type":"\#(name)"}"#
        }
        let owner = state.user.map { #","publicChannels":{"\#($0)":{"user_id":\#($0)}}"# } ?? ""
        return """
            {"result":{"channels":{\(names.joined(separator: ","))},"server":{"version":\(state.version),\
            "server_enabled":true,"websocket_enabled":\(state.hasWebSocket),"websocket":"ws://127.0.0.1:\(port)/ws/",\
            "long_polling":"\(state.hasLongPolling ? "http://127.0.0.1:\(state.pollPort ?? port)/sub/" : "")"}\(owner)}}
            """
    }

    static func id(_ letter: String) -> String { String(repeating: letter, count: 32) + ".0123456789" }

    private func note(_ kind: String, _ target: String) -> (channels: Set<String>, after: UInt64?) {
        let items = URLComponents(string: target)?.queryItems ?? []
        let ids = items.first { $0.name == "CHANNEL_ID" }?.value ?? ""
        let mid = items.first { $0.name == "mid" }?.value
        let channels = ids.split(separator: "/").map { String($0.prefix(1)) }
        let counter = mid.flatMap { UInt64($0.suffix(16)) }
        state.withLock { $0.asked.append("\(kind) \(channels.joined()) \(counter.map { "\($0)" } ?? "none")") }
        return (Set(channels), counter)
    }

    private static func history(of state: State, _ channels: Set<String>, after counter: UInt64?) -> [Message] {
        guard let counter else { return [] }
        return channels.flatMap { channel in
            state.stored.filter { $0.channel == channel && $0.counter > counter }.suffix(state.depth)
        }.sorted { $0.counter < $1.counter }
    }

    private func servePoll(_ peer: StandInPeer, _ target: String) {
        let (channels, after) = note("poll", target)
        if let status = now.refusesPolls { return peer.answer(status, "") }
        // Together: what is stored in between must not be missed.
        let (stored, count) = state.withLock { (Self.history(of: $0, channels, after: after), $0.stored.count) }
        if !stored.isEmpty { return peer.answer(200, Self.text(stored)) }
        for _ in 0..<2000 where !now.isOver {
            let fresh = now.stored.dropFirst(count).filter { channels.contains($0.channel) }
            if let first = fresh.first { return peer.answer(200, Self.text([first])) }
            usleep(5000)
        }
    }

    private func serveWebSocket(_ peer: StandInPeer, _ target: String, _ head: String) {
        let (channels, after) = note("ws", target)
        let key = head.split(separator: "\r\n").first { $0.lowercased().hasPrefix("sec-websocket-key:") }
        let value = key?.split(separator: ":")[1].trimmingCharacters(in: .whitespaces) ?? ""
        let digest = Digest.sha1(Array((value + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").utf8))
        peer.write(
            Array(
                """
                HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                Sec-WebSocket-Accept: \(Data(digest).base64EncodedString())\r\n\r\n
                """.utf8))
        // In one: this stand-in has no hole between history and registration.
        let rest = state.withLock { state in
            let stored = Self.history(of: state, channels, after: after)
            let frame = stored.isEmpty ? [] : StandInPeer.frame(1, Array(Self.text(stored).utf8))
            let count = state.historyPause ?? frame.count
            peer.write(Array(frame.prefix(count)))
            state.sockets.append(peer)
            return Array(frame.dropFirst(count))
        }
        while !rest.isEmpty, now.historyPause != nil, !now.isOver { usleep(5000) }
        peer.write(rest)
        while let (opcode, payload) = peer.readFrame() {
            switch opcode {
            case 1: state.withLock { $0.received.append(String(decoding: payload, as: UTF8.self)) }
            case 8: peer.frame(8, payload)
            case 9: peer.frame(10, payload)
            case 10: state.withLock { $0.pongs += 1 }
            default: break
            }
            if opcode == 8 { break }
        }
        state.withLock { $0.sockets.removeAll { $0 === peer } }
    }
}

/// The stand-in's end of one connection.
final class StandInPeer: Sendable {
    private let descriptor: Int32
    private let isClosed = Mutex(false)

    init(_ descriptor: Int32) {
        self.descriptor = descriptor
        var limit = timeval(tv_sec: 30, tv_usec: 0)
        for option in [SO_RCVTIMEO, SO_SNDTIMEO] {
            setsockopt(descriptor, SOL_SOCKET, option, &limit, socklen_t(MemoryLayout<timeval>.size))
        }
    }

    deinit { close(descriptor) }

    func end() {
        isClosed.withLock { isClosed in
            if !isClosed { shutdown(descriptor, Int32(SHUT_RDWR)) }
            isClosed = true
        }
    }

    func write(_ bytes: [UInt8]) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            if count <= 0 { return }
            rest = rest.dropFirst(count)
        }
    }

    func answer(_ status: Int, _ body: String) {
        write(
            Array(
                "HTTP/1.1 \(status) X\r\nContent-Length: \(body.utf8.count)\r\nConnection: close\r\n\r\n\(body)".utf8))
    }

    func send(_ text: String) { frame(1, Array(text.utf8)) }

    func frame(_ opcode: UInt8, _ payload: [UInt8]) { write(Self.frame(opcode, payload)) }

    static func frame(_ opcode: UInt8, _ payload: [UInt8]) -> [UInt8] {
        var bytes = [0x80 | opcode]
        switch payload.count {
        case ..<126: bytes.append(UInt8(payload.count))
        case ..<65536: bytes += [126, UInt8(payload.count >> 8), UInt8(payload.count & 0xFF)]
        default: bytes += [127] + (0..<8).map { UInt8(truncatingIfNeeded: payload.count >> (56 - 8 * $0)) }
        }
        return bytes + payload
    }

    func readHead() -> String? {
        var bytes: [UInt8] = []
        while !bytes.suffix(4).elementsEqual("\r\n\r\n".utf8) {
            guard let byte = read(1) else { return nil }
            bytes += byte
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    func readFrame() -> (opcode: UInt8, payload: [UInt8])? {
        guard let head = read(2) else { return nil }
        var length = Int(head[1] & 0x7F)
        if length >= 126 {
            guard let bytes = read(length == 126 ? 2 : 8) else { return nil }
            length = bytes.reduce(0) { $0 << 8 | Int($1) }
        }
        guard let mask = read(4), let payload = read(length) else { return nil }
        return (head[0] & 0x0F, payload.enumerated().map { $1 ^ mask[$0 % 4] })
    }

    private func read(_ count: Int) -> [UInt8]? {
        var bytes: [UInt8] = []
        while bytes.count < count {
            var part = [UInt8](repeating: 0, count: count - bytes.count)
            let size = recv(descriptor, &part, part.count, 0)
            if size <= 0 { return nil }
            bytes += part.prefix(size)
        }
        return bytes
    }
}
