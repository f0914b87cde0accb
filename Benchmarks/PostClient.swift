import EndToEndSupport
import Foundation

/// Sends one prepared request again and again: what is left of a webhook without journal, rules, signatures and HTTP
/// library.
enum PostClient {
    /// - Parameters:
    ///   - request: head and body.
    ///   - connections: each with one request on its way at a time, all on this thread.
    /// - Returns: requests answered in a second.
    static func rate(_ request: [UInt8], to port: UInt16, connections: Int, seconds: Double) throws -> Double {
        var interests: [pollfd] = []
        defer { for interest in interests { close(interest.fd) } }
        for _ in 0..<connections {
            let descriptor = try LoopbackPort.connection(to: port)
            BlastConnection.sendAtOnce(descriptor)
            interests.append(pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0))
        }
        var answered = 0
        var answer = [UInt8](repeating: 0, count: 2 * PostServer.answer.count)
        let start = BlastServer.now()
        for interest in interests { try send(request, to: interest.fd) }
        while true {
            let past = BlastServer.now() - start
            if past >= seconds { return Double(answered) / past }
            guard poll(&interests, nfds_t(interests.count), -1) >= 0 else { throw SystemFailure("poll") }
            for interest in interests where interest.revents != 0 {
                let count = recv(interest.fd, &answer, answer.count, 0)
                guard answer.prefix(max(0, count)).elementsEqual(PostServer.answer) else {
                    throw WholePath.Failure(description: "the server's answer is not whole")
                }
                answered += 1
                try send(request, to: interest.fd)
            }
        }
    }

    private static func send(_ request: [UInt8], to descriptor: Int32) throws {
        guard request.withUnsafeBytes({ BlastConnection.sendAll($0, to: descriptor) }) else {
            throw SystemFailure("send")
        }
    }
}
