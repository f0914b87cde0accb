import EndToEndSupport
import Foundation
import Testing

@testable import Transport

extension TransportTests {
    @Suite("Shutting down")
    struct ShutdownTests {
        @Test("ends everything under way as cancelled, and leaves no thread and no descriptor")
        func everythingEnds() async throws {
            // The first one brings what libcurl keeps for ever.
            try await TransportTests.withTransport { _ in }
            let descriptors = TransportTests.descriptorCount()
            for _ in 0..<20 {
                let own = try LoopbackServer { peer, number in
                    if number == 0 { peer.upgrade() }
                    peer.drain()
                }
                let transport = Transport(userAgent: "x")
                let connection = try await transport.connectWebSocket(TransportTests.socket(own.webSocketURL))
                async let receiving = connection.receive()
                async let exchange = TransportTests.failure { () async throws(TransportError) in
                    try await transport.exchange(TransportTests.get(own.url))
                }
                async let opening = TransportTests.failure { () async throws(TransportError) in
                    try await transport.connectWebSocket(TransportTests.socket(own.webSocketURL))
                }
                try await eventually(within: .seconds(30), "all three are connected") { own.connectionCount == 3 }
                await transport.shutdown()
                #expect(await receiving == nil)
                #expect(await exchange?.stage == .cancelled)
                #expect(await opening?.stage == .cancelled)
                #expect(connection.ending == .transport(.cancelled))
                // Late comers are told, too.
                let late = await TransportTests.failure { () async throws(TransportError) in
                    try await transport.exchange(TransportTests.get(own.url))
                }
                #expect(late?.stage == .cancelled)
                connection.close(code: 1000)
                #expect(await connection.receive() == nil)
                await transport.shutdown()
            }
            try await eventually(
                within: .seconds(30), "no descriptor is left: \(TransportTests.descriptorCount()) of \(descriptors)"
            ) { TransportTests.descriptorCount() <= descriptors }
            try await eventually(within: .seconds(30), "no thread is left") { TransportTests.loopThreadCount() == 0 }
        }
    }
}
