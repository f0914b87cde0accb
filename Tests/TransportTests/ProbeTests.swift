import Dispatch
import EndToEndSupport
import Synchronization
import Testing

@testable import Transport

extension TransportTests {
    @Suite("A probe of the loop")
    struct ProbeTests {
        private final class Answers: Sendable {
            let count = Atomic<Int>(0)
        }

        @Test("is answered by a loop that has nothing to do, and not while something keeps it")
        func answers() async throws {
            try await TransportTests.withTransport { transport in
                let answers = Answers()
                transport.probeLoop { answers.count.add(1, ordering: .relaxed) }
                try await eventually(within: .seconds(30), "the loop answers") {
                    answers.count.load(ordering: .relaxed) == 1
                }
                let mayGo = DispatchSemaphore(value: 0)
                transport.post { mayGo.wait() }
                transport.probeLoop { answers.count.add(1, ordering: .relaxed) }
                try await Task.sleep(for: .milliseconds(200))
                #expect(answers.count.load(ordering: .relaxed) == 1)
                mayGo.signal()
                try await eventually(within: .seconds(30), "the loop answers again") {
                    answers.count.load(ordering: .relaxed) == 2
                }
            }
        }
    }
}
