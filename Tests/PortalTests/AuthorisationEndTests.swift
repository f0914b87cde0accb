import PullProtocol
import Secrets
import Synchronization
import Testing
import Timing
import Transport

@testable import Portal

/// An authorisation server that answers when it is let.
private final class HeldServer: HTTPClient {
    let isLet = OneShotSignal()
    private let count = Mutex(0)

    var asked: Int { count.withLock { $0 } }

    func exchange(_ request: HTTPRequest) async throws(TransportError) -> HTTPResponse {
        let number = count.withLock { count in
            count += 1
            return count
        }
        await isLet.wait()
        let body = #"{"access_token":"s3cr3t0a\#(number)","refresh_token":"s3cr3t0r\#(number)","scope":"app"}"#
        return HTTPResponse(status: 200, headers: [], body: Array(body.utf8))
    }
}

/// In memory, with no room when told so; counts how often it was taken.
private final class CountingStore: TokenStorage {
    private let memory = MemoryTokenStore()
    private let count = Mutex(0)
    let isFull = Mutex(false)

    var opened: Int { count.withLock { $0 } }

    func read() -> StoredAuthorisation? { memory.read() }
    func open() { count.withLock { $0 += 1 } }
    func close() {}
    func save(_ authorisation: StoredAuthorisation) throws(TokenStoreError) {
        if isFull.withLock({ $0 }) { throw TokenStoreError(code: .full, message: "no room", cure: "make room") }
        memory.save(authorisation)
    }
}

@Suite("Stopping while tokens are renewed")
struct AuthorisationEndTests {
    private let server = HeldServer()
    private let store = CountingStore()
    private let waits = Waits()

    private final class Waits: Sendable {
        let count = Mutex(0)
        let isOver = OneShotSignal()
    }

    /// - Parameter isCrowded: all places at the server are taken, until `waits.isOver`.
    private func authorisation(isCrowded: Bool, onNote: @escaping @Sendable (AuthorisationNote) -> Void = { _ in })
        -> Authorisation
    {
        var surroundings = Authorisation.Surroundings(storage: store, http: server) {
            AuthorisationSeed(refreshToken: "s3cr3t0r0")
        }
        let budget = RequestBudget(
            time: Stand.time,
            wait: { [waits] _ in
                waits.count.withLock { $0 += 1 }
                await waits.isOver.wait()
            })
        if isCrowded {
            for _ in 0..<50 { _ = budget.reserve("oauth.bitrix.info", .authorisationServer) }
        }
        surroundings.budget = budget
        surroundings.onNote = onNote
        return Authorisation(MachineStand.application, surroundings)
    }

    private func eventually(_ condition: () -> Bool) async throws {
        for _ in 0..<5000 {
            if condition() { return }
            try await Task.sleep(for: .milliseconds(1))
        }
        Issue.record("it did not come to that within five seconds")
    }

    private var waiting: Int { waits.count.withLock { $0 } }

    private static func code(_ call: Task<AccessToken, any Error>) async -> AuthorisationFailure.Code? {
        do {
            _ = try await call.value
            return nil
        } catch {
            return (error as? AuthorisationFailure)?.code
        }
    }

    @Test("Whoever waits for a turn at the server leaves the store to others, and has it taken when the turn has come")
    func storeIsFree() async throws {
        let authorisation = authorisation(isCrowded: true)
        let call = Task { try await authorisation.accessToken() }
        try await eventually { waiting == 1 }
        #expect(store.opened == 0 && server.asked == 0)
        server.isLet.fire()
        waits.isOver.fire()
        _ = try await call.value
        #expect(store.opened == 1 && server.asked == 1 && store.read()?.refreshToken == "s3cr3t0r1")
    }

    @Test("A caller that gives up in the line is free at once, and nothing is sent when the turn comes")
    func leavesTheLine() async throws {
        let authorisation = authorisation(isCrowded: true)
        let call = Task { try await authorisation.accessToken() }
        try await eventually { waiting == 1 }
        let clock = ContinuousClock()
        let time = await clock.measure {
            call.cancel()
            #expect(await Self.code(call) == .cancelled)
        }
        #expect(time < .seconds(5), "a session ends with its calls")
        server.isLet.fire()
        waits.isOver.fire()
        await authorisation.finish()
        #expect(server.asked == 0 && store.opened == 0)
    }

    @Test("One caller's giving up takes nothing from another one in the same line")
    func others() async throws {
        let authorisation = authorisation(isCrowded: true)
        let first = Task { try await authorisation.accessToken() }
        try await eventually { waiting == 1 }
        let second = Task { try await authorisation.accessToken() }
        first.cancel()
        _ = await Self.code(first)
        server.isLet.fire()
        waits.isOver.fire()
        #expect(try await second.value.secret == "s3cr3t0a1")
        #expect(server.asked == 1)
    }

    @Test("The end empties the line: its callers are told, and nothing is sent any more")
    func endInTheLine() async throws {
        let authorisation = authorisation(isCrowded: true)
        let call = Task { try await authorisation.accessToken() }
        try await eventually { waiting == 1 }
        await authorisation.finish()
        #expect(await Self.code(call) == .cancelled)
        let late = Task { try await authorisation.accessToken() }
        #expect(await Self.code(late) == .cancelled)
        #expect(server.asked == 0 && store.opened == 0)
    }

    @Test("The end waits for an answer that is under way, also in a cancelled task, and the answer is stored")
    func endUnderWay() async throws {
        let authorisation = authorisation(isCrowded: false)
        let call = Task { try await authorisation.accessToken() }
        try await eventually { server.asked == 1 }
        call.cancel()
        let hasEnded = OneShotSignal()
        let end = Task {
            await authorisation.finish()
            hasEnded.fire()
        }
        end.cancel()
        try await Task.sleep(for: .milliseconds(50))
        #expect(!hasEnded.isFired)
        server.isLet.fire()
        await end.value
        #expect(store.read()?.refreshToken == "s3cr3t0r1")
    }

    @Test("The end comes within seconds where the server does not answer")
    func endIsBounded() async throws {
        let authorisation = authorisation(isCrowded: false)
        let call = Task { try await authorisation.accessToken() }
        try await eventually { server.asked == 1 }
        let time = await ContinuousClock().measure { await authorisation.finish() }
        #expect((.seconds(4)...(.seconds(9))).contains(time))
        server.isLet.fire()
        _ = await Self.code(call)
    }

    @Test(
        "A token that could not be stored is stored at the end; where that fails too, it is told what to do",
        arguments: [true, false])
    func unsaved(isMended: Bool) async throws {
        let told = Told()
        let authorisation = authorisation(isCrowded: false) { note in
            if case .lost(let failure) = note { told.failures.withLock { $0.append(failure) } }
        }
        server.isLet.fire()
        store.isFull.withLock { $0 = true }
        let call = Task { try await authorisation.accessToken() }
        #expect(await Self.code(call) == .notStored)
        store.isFull.withLock { $0 = !isMended }
        await authorisation.finish()
        #expect(store.read()?.refreshToken == (isMended ? "s3cr3t0r1" : nil) && server.asked == 1)
        #expect(told.failures.withLock { $0.map(\.code) } == (isMended ? [] : [.notStored]))
    }

    @Test(
        "A new token that could not be stored is tried once more at the end, whatever its time, and told if it is lost")
    func lastChance() {
        for fault in [nil, MachineStand.broken] {
            var stand = MachineStand.stored()
            stand.saveFault = MachineStand.broken
            let cure = stand.refused().failure?.cure
            #expect(cure?.contains("stop") == true && cure?.contains("reload") == true)
            stand.saveFault = fault
            stand.end()
            #expect(stand.disk?.refreshToken == (fault == nil ? "r2" : "r1") && stand.requests.count == 1)
            var lost: [AuthorisationFailure] = []
            for note in stand.notes { if case .lost(let failure) = note { lost.append(failure) } }
            #expect(lost.count == (fault == nil ? 0 : 1))
            #expect(lost.allSatisfy { $0.cure.contains("pulld login acme") && $0.needsPerson })
        }
    }

    @Test("At the end nothing is done where everything is on disk")
    func nothingLeft() {
        var stand = MachineStand.stored()
        _ = stand.refused()
        let steps = stand.steps
        stand.end()
        #expect(stand.steps == steps && stand.requests.count == 1)
    }

    private final class Told: Sendable {
        let failures = Mutex<[AuthorisationFailure]>([])
    }
}
