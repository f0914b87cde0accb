import Foundation
import JSONText
import Secrets
import Testing

@testable import Portal

@Suite("The file of tokens")
struct TokenStoreTests {
    /// A state directory of the test's own.
    private static func with(_ work: (String) throws -> Void) throws {
        let path = NSTemporaryDirectory() + "pulld-tokens-\(UInt64.random(in: 0 ... .max))"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: path) }
        try work(path)
    }

    private static var tokens: StoredAuthorisation {
        var tokens = StoredAuthorisation(url: "https://acme.bitrix24.com", clientID: "local.1")
        tokens.accessToken = "s3cr3t0access"
        tokens.refreshToken = "s3cr3t0refresh"
        tokens.expiry = 1_790_003_600
        tokens.renewedAt = 1_790_000_000.25
        tokens.memberID = "m"
        tokens.clientEndpoint = "https://acme.bitrix24.com/rest/"
        tokens.serverEndpoint = "https://oauth.bitrix.info/rest/"
        tokens.scopes = ["pull", "crm"]
        tokens.userID = 67
        tokens.usesGet = true
        tokens.seed = "abc"
        return tokens
    }

    private static func mode(_ path: String) throws -> Int {
        try #require(FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int)
    }

    @Test("What is saved is read again, whole, by another process")
    func roundTrip() throws {
        try Self.with { state in
            let store = TokenStore(state: state, portal: "acme")
            #expect(try store.read() == nil)
            try store.open()
            try store.save(Self.tokens)
            store.close()
            #expect(try TokenStore(state: state, portal: "acme").read() == Self.tokens)
        }
    }

    @Test("The file is 0600 in a directory of 0700, whatever the mask, and nothing else is left")
    func modes() throws {
        try Self.with { state in
            let old = umask(0)
            defer { umask(old) }
            let store = TokenStore(state: state, portal: "acme")
            try store.open()
            try store.save(Self.tokens)
            store.close()
            #expect(try Self.mode(state + "/tokens") == 0o700)
            let names = try FileManager.default.contentsOfDirectory(atPath: state + "/tokens").sorted()
            #expect(names == ["acme.json", "acme.lock"])
            for name in names { #expect(try Self.mode(state + "/tokens/" + name) == 0o600) }
        }
    }

    @Test("One process at a time may change it; all may read")
    func lock() throws {
        try Self.with { state in
            let first = TokenStore(state: state, portal: "acme")
            let second = TokenStore(state: state, portal: "acme")
            try first.open()
            try first.save(Self.tokens)
            let refusal = #expect(throws: TokenStoreError.self) { try second.open() }
            #expect(refusal?.code == .busy)
            #expect(try second.read() == Self.tokens)
            first.close()
            try second.open()
            second.close()
        }
    }

    @Test("A life that ends between the opening and the saving leaves the old tokens")
    func torn() throws {
        try Self.with { state in
            let store = TokenStore(state: state, portal: "acme")
            try store.open()
            try store.save(Self.tokens)
            store.close()
            // What a killed process leaves behind.
            try Data("half".utf8).write(to: URL(fileURLWithPath: state + "/tokens/acme.json.new"))
            let next = TokenStore(state: state, portal: "acme")
            #expect(try next.read() == Self.tokens)
            try next.open()
            next.close()
            #expect(!FileManager.default.fileExists(atPath: state + "/tokens/acme.json.new"))
            #expect(try next.read() == Self.tokens)
        }
    }

    @Test(
        "What is no such document is damaged, and told without its content",
        arguments: [
            "", "s3cr3t", "{}", #"{"version":2,"url":"u","client_id":"c","refresh_token":"s3cr3t"}"#,
            #"{"version":1,"url":"u","client_id":"c"}"#,
            #"{"version":1,"url":"u","client_id":"c","refresh_token":"a b"}"#,
        ])
    func damaged(text: String) throws {
        try Self.with { state in
            try FileManager.default.createDirectory(atPath: state + "/tokens", withIntermediateDirectories: true)
            try Data(text.utf8).write(to: URL(fileURLWithPath: state + "/tokens/acme.json"))
            do {
                _ = try TokenStore(state: state, portal: "acme").read()
                Issue.record("it was read")
            } catch let error as TokenStoreError {
                #expect(error.code == .damaged && !error.cure.isEmpty)
                #expect(!error.description.contains("s3cr3t"))
            }
        }
    }

    @Test("Where it cannot be written that is found before a token is asked for")
    func notWritable() throws {
        try Self.with { state in
            // A file in the place of the directory: no permission holds root back.
            try Data().write(to: URL(fileURLWithPath: state + "/tokens"))
            let store = TokenStore(state: state, portal: "acme")
            #expect(throws: TokenStoreError.self) { try store.open() }
            #expect(try store.read() == nil)
        }
    }

    @Test("A token that would not go into a request is not read, and an address that must not be used is left out")
    func strict() throws {
        var json = String(decoding: Self.tokens.json.serialized(), as: UTF8.self)
        #expect(JSONValue.parse(Array(json.utf8)).flatMap(StoredAuthorisation.init) == Self.tokens)
        json = json.replacingOccurrences(of: "https://acme.bitrix24.com/rest/", with: "http://evil.example/rest/")
        let stored = try #require(JSONValue.parse(Array(json.utf8)).flatMap(StoredAuthorisation.init))
        #expect(stored.clientEndpoint == nil)
    }

    @Test("Tokens print no secret")
    func printing() {
        var text = "\(Self.tokens) \(String(reflecting: Self.tokens))"
        dump(Self.tokens, to: &text)
        dump(AuthorisationSeed(refreshToken: "s3cr3t", accessToken: "s3cr3t"), to: &text)
        #expect(!text.contains("s3cr3t"))
    }
}
