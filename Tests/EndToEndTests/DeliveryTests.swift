import EndToEndSupport
import Foundation
import Testing

/// SHA-256 of the bodies that a file's lines were made of, by message id. `module` to `extra` of a line are the sender's
/// bytes, so the body can be put together again from them.
private func bodyHashes(of path: String) async throws -> [String: String] {
    let script = """
        import hashlib, re, sys
        line = re.compile(rb'"mid":"([0-9]+)","module":"application",("command":.*?,"extra":{.*?}),"(?:channel|sender|received_at)":')
        for text in open(sys.argv[1], 'rb'):
            found = line.search(text)
            if found:
                body = b'{"module_id":"application",' + found[2] + b'}'
                print(found[1].decode(), hashlib.sha256(body).hexdigest())
        """
    let output = try await CommandLineTool.run("python3", ["-c", script, path])
    let pairs = output.split(separator: "\n").map { $0.split(separator: " ").map(String.init) }
    return Dictionary(pairs.map { ($0[0], $0[1]) }, uniquingKeysWith: { first, _ in first })
}

/// The ways on which events come, each with its sandbox.
struct Way: Sendable, CustomTestStringConvertible {
    var name: String
    var front: Stage.Front
    var sandbox: [String]
    var transport: Stage.Transport

    var testDescription: String { name }

    static let all = [
        Way(name: "binary WebSocket", front: .nothing, sandbox: [], transport: .webSocket),
        Way(name: "binary WebSocket over TLS", front: .nginx(), sandbox: [], transport: .webSocket),
        Way(
            name: "text WebSocket over TLS", front: .nginx(), sandbox: ["--server-version", "3"],
            transport: .webSocket),
        Way(name: "long polling over TLS", front: .nginx(), sandbox: [], transport: .longPolling),
    ]
}

extension EndToEnd {
    @Suite struct DeliveryTests {
        @Test("File and standard output hold exactly the events published, byte for byte", arguments: Way.all)
        func exact(way: Way) async throws {
            let count = Extent.of(short: 2_000, full: 10_000)
            try await Stage.with(way.front, sandbox: way.sandbox) { stage in
                let daemon = try await stage.daemon(way.transport)
                try await stage.isSubscribed(daemon)
                let start = ContinuousClock.now
                try await stage.sandbox.load(count: count, rate: 1_000)
                try await daemon.hasWritten(count, within: .seconds(30 + count / 500))
                let time = start.duration(to: .now)
                let figures = try daemon.figures()
                let exit = try await daemon.stop()
                #expect(exit.code == 0, "\(daemon.process.errorOutput)")

                let published = try await stage.published()
                #expect(published.count == count)
                let places = ["file": daemon.eventFile, "standard output": daemon.process.outputPath]
                for (name, path) in places.sorted(by: { $0.key < $1.key }) {
                    let file = EventFile(contentsOf: path)
                    let byNumber = file.compared(with: published.map { "\($0.number ?? 0)" })
                    let byID = file.compared(with: published.map(\.mid), by: { $0.mid })
                    #expect(byNumber.isComplete && byNumber.lines == count, "\(name): \(byNumber)")
                    #expect(byID.isComplete && byID.lines == count, "\(name): \(byID)")
                    let hashes = try await bodyHashes(of: path)
                    let changed = published.filter { hashes[$0.mid] != $0.sha256 }
                    #expect(changed.isEmpty, "\(name): \(changed.count) bodies are not what was published")
                    figure("A2 \(way.name), \(name): \(byNumber), changed bodies \(changed.count)")
                }
                let processor = String(format: "%.2f", figures.processorSeconds)
                figure("A2 \(way.name): \(time.text), daemon \(processor) s CPU, \(figures.residentBytes >> 20) MiB")
            }
        }
    }
}
