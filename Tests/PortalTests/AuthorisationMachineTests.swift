import PullProtocol
import Secrets
import Testing
import Timing
import Transport

@testable import Portal

@Suite("Rules of renewal")
struct AuthorisationMachineTests {
    // MARK: When

    @Test("A stored token is used without a renewal, however old it is by its own account")
    func noRenewalWithoutNeed() {
        var stand = MachineStand.stored()
        for _ in 0..<100 {
            #expect(stand.ask().token == "a1")
            stand.pass(3600)
        }
        #expect(stand.requests.isEmpty && stand.steps == ["look"])
    }

    @Test(
        "A refused token is renewed: in its turn, store read under its lock, server asked, answer stored, then given out"
    )
    func renewal() {
        var stand = MachineStand.stored()
        #expect(stand.refused().token == "a2")
        #expect(stand.steps == ["look", "queue", "open", "send", "save"])
        #expect(stand.requests.map(\.grant) == [.refreshToken("r1")])
        #expect(stand.disk?.refreshToken == "r2" && stand.disk?.accessToken == "a2")
        #expect(stand.disk?.renewedAt == stand.now.wall)
        #expect(stand.notes == [.renewed(refreshTokenIsNew: true, hasPullScope: true)])
        #expect(stand.ask().token == "a2")
        #expect(stand.requests.count == 1)
    }

    @Test("O6: whoever holds an older token gets the newer one, without another renewal")
    func olderToken() {
        var stand = MachineStand.stored()
        guard case .give(let old) = stand.ask() else { return #expect(Bool(false)) }
        for _ in 0..<20 { #expect(stand.ask(.insteadOf(old.generation, .refused)).token == "a2") }
        #expect(stand.requests.count == 1)
    }

    @Test("A new token that is refused, too, is not renewed again within the hour, unless it has worked or run out")
    func refusedAgain() {
        var stand = MachineStand.stored()
        _ = stand.refused()
        for _ in 0..<5 { #expect(stand.refused().isKept) }
        stand.pass(1800)
        #expect(stand.refused().isKept)
        #expect(stand.requests.count == 1)
        stand.pass(1800)
        stand.server = { _ in MachineStand.grant("a3", "r3") }
        #expect(stand.ask().token == "a3")
        stand.accept()
        stand.server = { _ in MachineStand.grant("a4", "r4") }
        #expect(stand.refused().token == "a4")
        #expect(stand.requests.count == 3)
    }

    @Test("A token whose last renewal is 60 days ago is renewed before its use; a failure of that keeps it in use")
    func longest() {
        var stand = MachineStand.stored { _ in .unanswered(TransportError(stage: .connect, message: "no")) }
        stand.disk?.renewedAt = stand.now.wall - 59.9 * 86_400
        #expect(stand.ask().token == "a1")
        #expect(stand.ask().token == "a1")
        #expect(stand.requests.isEmpty)
        stand.pass(86_400)
        #expect(stand.ask().token == "a1")
        #expect(stand.requests.count == 1)
        #expect(stand.ask().token == "a1")
        #expect(stand.requests.count == 1, "it is tried again on the schedule, not at each call")
        stand.server = { _ in MachineStand.grant("a2", "r2") }
        stand.pass(300)
        #expect(stand.ask().token == "a2")
        #expect(stand.ask().token == "a2")
        #expect(stand.requests.count == 2)
    }

    // MARK: Where from

    @Test("The settings' tokens are the first ones; an access token among them saves the first renewal")
    func seed() {
        var bare = MachineStand()
        bare.seed.refreshToken = "seed"
        #expect(bare.ask().token == "a2")
        #expect(bare.requests.map(\.grant) == [.refreshToken("seed")])
        var stand = MachineStand()
        stand.seed = AuthorisationSeed(refreshToken: "seed", accessToken: "first")
        #expect(stand.ask().token == "first")
        #expect(stand.requests.isEmpty)
    }

    @Test("A newer token in the settings wins over what is stored; the one that has been taken over does not")
    func newerSeed() {
        var stand = MachineStand()
        stand.seed.refreshToken = "seed"
        _ = stand.ask()
        let disk = stand.disk
        #expect(disk?.seed == AuthorisationSeed(refreshToken: "seed").digest && disk?.refreshToken == "r2")
        var next = MachineStand { _ in MachineStand.grant("a9", "r9") }
        (next.disk, next.seed.refreshToken) = (disk, "seed")
        #expect(next.ask().token == "a2")
        next = MachineStand { _ in MachineStand.grant("a9", "r9") }
        (next.disk, next.seed.refreshToken) = (disk, "newer")
        #expect(next.ask().token == "a9")
        #expect(next.requests.map(\.grant) == [.refreshToken("newer")])
        #expect(next.disk?.seed == AuthorisationSeed(refreshToken: "newer").digest)
    }

    @Test("What a person has stored by a login wins over the settings' token, and goes on to do so after a renewal")
    func login() {
        var stand = MachineStand.stored()
        stand.seed.refreshToken = "old"
        #expect(stand.disk?.seed == nil)
        #expect(stand.refused().token == "a2")
        #expect(stand.requests.map(\.grant) == [.refreshToken("r1")])
        #expect(stand.disk?.seed == stand.seed.digest)
    }

    @Test("Tokens of another application are not used")
    func otherApplication() {
        var stand = MachineStand.stored()
        stand.disk?.clientID = "local.2"
        #expect(stand.ask().failure?.code == .absent)
        #expect(stand.requests.isEmpty)
    }

    @Test("Without any token a person is asked for, and his work is found within five minutes")
    func absent() {
        var stand = MachineStand()
        let failure = stand.ask().failure
        #expect(failure?.code == .absent && failure?.needsPerson == true)
        #expect(failure?.cure.contains("pulld login acme") == true)
        #expect(failure.map { $0.retryAfter <= 300 } == true)
        stand.disk = MachineStand.stored().disk
        #expect(stand.ask().token == "a1")
        #expect(stand.requests.isEmpty)
    }

    @Test("A damaged store is told, and the settings' token is used in its place")
    func damaged() {
        var stand = MachineStand()
        stand.diskFault = TokenStoreError(code: .damaged, message: "no tokens", cure: "remove it")
        stand.seed.refreshToken = "seed"
        #expect(stand.ask().token == "a2")
        #expect(stand.notes.contains { if case .damagedStore = $0 { true } else { false } })
    }

    @Test("A store that cannot be read is no reason to use up the settings' token")
    func unreadable() {
        var stand = MachineStand()
        stand.seed.refreshToken = "seed"
        stand.diskFault = MachineStand.broken
        #expect(stand.ask().failure?.code == .store)
        stand.diskFault = nil
        stand.openFault = MachineStand.broken
        #expect(stand.ask().failure?.code == .store)
        #expect(stand.requests.isEmpty)
    }

    // MARK: Storing

    @Test("A new token that cannot be stored is not used, and is stored as soon as that works, without asking again")
    func notStored() {
        var stand = MachineStand.stored()
        stand.saveFault = MachineStand.broken
        #expect(stand.refused().failure?.code == .notStored)
        #expect(stand.ask().failure?.code == .notStored)
        stand.pass(6)
        #expect(stand.ask().failure?.code == .notStored)
        #expect(stand.disk?.refreshToken == "r1")
        stand.saveFault = nil
        #expect(stand.ask().failure?.code == .notStored, "not before its time")
        stand.pass(12)
        #expect(stand.ask().token == "a2")
        #expect(stand.disk?.refreshToken == "r2" && stand.requests.count == 1)
        #expect(
            stand.notes.contains { if case .failed(let failure) = $0 { failure.code == .notStored } else { false } })
    }

    @Test("A new token that could not be stored gives way to what somebody else has stored meanwhile")
    func notStoredAndOvertaken() {
        var stand = MachineStand.stored()
        stand.saveFault = MachineStand.broken
        _ = stand.refused()
        stand.disk?.refreshToken = "r9"
        stand.disk?.accessToken = "a9"
        stand.saveFault = nil
        stand.pass(6)
        #expect(stand.ask().token == "a9")
        #expect(stand.disk?.refreshToken == "r9")
    }

    @Test("O3: invalid_grant counts only after the store was read again; another process' token is used then")
    func anotherProcess() {
        var stand = MachineStand.stored { _ in MachineStand.refusal("invalid_grant") }
        stand.onRequest = {
            $0.disk?.refreshToken = "r9"
            $0.disk?.accessToken = "a9"
        }
        #expect(stand.refused().token == "a9")
        #expect(stand.requests.count == 1)
    }

    @Test("O3: with an unchanged store it is fatal, told with the cure, and the server is asked again after an hour")
    func fatal() {
        for status in [200, 400, 401] {
            var stand = MachineStand.stored { _ in MachineStand.refusal("invalid_grant", status) }
            let failure = stand.refused().failure
            #expect(failure?.code == .refused("invalid_grant") && failure?.needsPerson == true)
            #expect(failure?.cure.contains("pulld login acme") == true)
            #expect(stand.steps == ["look", "queue", "open", "send", "look"])
            for _ in 0..<11 {
                stand.pass(300)
                #expect(stand.ask().failure?.needsPerson == true)
            }
            #expect(stand.requests.count == 1)
            stand.pass(301)
            _ = stand.ask()
            #expect(stand.requests.count == 2)
            #expect(stand.disk?.refreshToken == "r1")
        }
    }

    @Test("A fatal state ends with a login, or a newer token in the settings, without waiting for the hour")
    func mended() {
        var stand = MachineStand.stored { _ in MachineStand.refusal("invalid_grant") }
        _ = stand.refused()
        stand.disk?.refreshToken = "r9"
        stand.disk?.accessToken = "a9"
        #expect(stand.ask().token == "a9")
        stand = MachineStand.stored {
            $0.grant == .refreshToken("new") ? MachineStand.grant("a8", "r8") : MachineStand.refusal("invalid_grant")
        }
        stand.disk?.seed = "another"
        stand.seed.refreshToken = nil
        _ = stand.refused()
        stand.seed.refreshToken = "new"
        #expect(stand.ask().token == "a8")
    }

    @Test("A lost answer is told, and named as the cause when the old token turns out to be used up")
    func lostAnswer() {
        var stand = MachineStand.stored { _ in
            .unanswered(TransportError(stage: .http, message: "no answer", isRequestSent: true))
        }
        #expect(stand.refused().failure?.code == .unreachable)
        #expect(stand.notes.contains(.answerLost))
        stand.server = { _ in MachineStand.refusal("invalid_grant") }
        stand.pass(6)
        #expect(stand.ask().failure?.message.contains("lost") == true)
    }

    // MARK: The server's answers

    @Test("What passes is tried again after 5 s, doubling to 5 min, and Retry-After is obeyed")
    func transient() {
        for event in [
            MachineStand.refusal("whatever", 503), MachineStand.refusal("whatever", 429),
            MachineStand.answer(200, "<html>"),
            .unanswered(TransportError(stage: .dns, message: "no such host")),
        ] {
            var stand = MachineStand.stored { _ in event }
            _ = stand.refused()
            var waits: [Double] = []
            for _ in 0..<8 {
                let failure = stand.ask().failure
                #expect(failure?.needsPerson == false)
                waits.append(failure?.retryAfter ?? 0)
                stand.pass(waits.last ?? 0)
                _ = stand.ask()
            }
            #expect(waits == [5, 10, 20, 40, 80, 160, 300, 300])
            #expect(stand.requests.count == 9)
        }
        var stand = MachineStand.stored { _ in MachineStand.answer(429, "{}", retryAfter: 77) }
        #expect(stand.refused().failure?.retryAfter == 77)
    }

    @Test(
        "The documented GET takes over where the POST is not taken, and that is remembered",
        arguments: [("", 404), ("", 405), ("invalid_request", 400)])
    func getForm(code: String, status: Int) {
        var stand = MachineStand.stored {
            $0.isPost ? MachineStand.refusal(code, status) : MachineStand.grant("a2", "r2")
        }
        #expect(stand.refused().token == "a2")
        #expect(stand.requests.map(\.isPost) == [true, false])
        #expect(stand.disk?.usesGet == true && stand.notes.contains(.usesGet))
        stand.accept()
        stand.server = { $0.isPost ? MachineStand.refusal("x", 405) : MachineStand.grant("a3", "r3") }
        #expect(stand.refused().token == "a3")
        #expect(stand.requests.map(\.isPost) == [true, false, false])
    }

    @Test("A server that takes neither form is asked by POST first again, an hour later")
    func noForm() {
        var stand = MachineStand.stored { _ in MachineStand.refusal("invalid_request") }
        #expect(stand.refused().failure?.needsPerson == true)
        stand.pass(3601)
        _ = stand.ask()
        #expect(stand.requests.map(\.isPost) == [true, false, true, false])
    }

    @Test("A subscription that is over is asked about once a day")
    func payment() {
        var stand = MachineStand.stored { _ in MachineStand.refusal("PAYMENT_REQUIRED") }
        _ = stand.refused()
        for _ in 0..<48 {
            _ = stand.ask()
            stand.pass(3600)
        }
        #expect(stand.requests.count == 2)
    }

    @Test("O4: an answer for another portal is refused, and the old tokens are kept")
    func otherPortal() {
        var stand = MachineStand.stored { _ in MachineStand.grant("x", "y", member: "other") }
        let failure = stand.refused().failure
        #expect(failure?.code == .otherPortal && failure?.needsPerson == true)
        #expect(stand.disk?.refreshToken == "r1" && stand.disk?.memberID == "m")
        #expect(!stand.steps.contains("save"))
    }

    @Test("The check holds for a newer token of the settings, too")
    func otherPortalInSeed() {
        var stand = MachineStand.stored { _ in MachineStand.grant("x", "y", member: "other") }
        stand.disk?.seed = "another"
        stand.seed.refreshToken = "of another portal"
        #expect(stand.ask().failure?.code == .otherPortal)
        #expect(stand.disk?.refreshToken == "r1")
    }

    @Test("O5: an answer without a refresh token keeps the old one, with a warning")
    func noRefreshToken() {
        var stand = MachineStand.stored { _ in MachineStand.grant("a2", nil) }
        #expect(stand.refused().token == "a2")
        #expect(stand.disk?.refreshToken == "r1" && stand.disk?.accessToken == "a2")
        #expect(stand.notes == [.renewed(refreshTokenIsNew: false, hasPullScope: true)])
    }

    @Test("O1 and O2: expiry, user, scope and address of the answer are stored")
    func answer() {
        let members = #""access_token":"a","refresh_token":"r2","expires_in":"3600","member_id":"m","user_id":"67""#
        let endpoint = #""client_endpoint":"https://p.test/rest/","scope":"pull,crm""#
        var stand = MachineStand.stored { _ in
            MachineStand.answer(200, #"{\#(members),\#(endpoint),"expires":"1780319382"}"#)
        }
        #expect(stand.refused().endpoint == "https://p.test/rest/")
        #expect(stand.disk?.expiry == 1_780_319_382 && stand.disk?.userID == 67)
        #expect(stand.disk?.scopes == ["pull", "crm"])
        #expect(stand.notes.contains(.moved(host: "p.test")))
        stand = MachineStand.stored { _ in MachineStand.answer(200, "{\(members)}") }
        _ = stand.refused()
        #expect(stand.disk?.expiry == 1_790_003_600)
    }

    @Test("Whatever event comes in whatever phase, there is an answer, and no token is asked for out of turn")
    func total() {
        let events: [AuthorisationMachine.Event] = [
            .wanted(.any), .wanted(.insteadOf(1, .refused)), .wanted(.insteadOf(1, .moved)), .accepted(1), .saved(nil),
            .saved(MachineStand.broken), .looked(.failure(MachineStand.broken)), .opened(.failure(MachineStand.broken)),
            .looked(.success(.init(stored: MachineStand.stored().disk, seed: AuthorisationSeed()))),
            .opened(.success(.init(stored: nil, seed: AuthorisationSeed(refreshToken: "r")))),
            MachineStand.grant("a", "r"), MachineStand.refusal("invalid_grant"),
            .unanswered(TransportError(stage: .dns, message: "no")), .placed, .withdrawn, .ended,
        ]
        var random = SystemRandomNumberGenerator()
        for _ in 0..<300 {
            var stand = MachineStand()
            var isSending = false
            for _ in 0..<60 {
                let event = events[Int.random(in: 0..<events.count, using: &random)]
                let step = stand.send(event)
                if case .send = step {
                    if case .answered = event {} else { #expect(!isSending) }
                    isSending = true
                } else {
                    switch event {
                    case .answered, .unanswered, .withdrawn: isSending = false
                    default: break
                    }
                }
                stand.pass(Double.random(in: 0...2000, using: &random))
            }
        }
    }
}
