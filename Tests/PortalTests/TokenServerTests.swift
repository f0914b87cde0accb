import PullProtocol
import Secrets
import Testing
import Timing
import Transport

@testable import Portal

@Suite("Where tokens and secrets may go")
struct TokenServerTests {
    private static func server(_ endpoint: String?, _ chosen: String? = nil) -> String {
        var application = MachineStand.application
        application.server = chosen
        return TokenRequest.server(of: application, serverEndpoint: endpoint)
    }

    @Test("The stored authorisation names the server, if it is one of the vendor's or the operator's")
    func servers() {
        #expect(Self.server(nil) == "https://oauth.bitrix.info")
        #expect(Self.server("https://oauth.bitrix24.tech/rest/") == "https://oauth.bitrix24.tech")
        #expect(Self.server(nil, "https://auth.example") == "https://auth.example")
        #expect(Self.server("https://auth.example/rest/", "https://auth.example") == "https://auth.example")
        #expect(Self.server("https://oauth.bitrix.info/rest/", "https://auth.example") == "https://oauth.bitrix.info")
        #expect(Self.server("http://127.0.0.1:8800/rest/", "http://127.0.0.1:8800") == "http://127.0.0.1:8800")
    }

    @Test(
        "Any other is not believed: the client secret goes there",
        arguments: [
            "https://evil.example/rest/", "http://oauth.bitrix.info/rest/", "https://oauth.bitrix.info.evil.example/",
            "https://oauth.bitrix.info:8443/rest/", "https://oauth.bitrix.info@evil.example/", "nonsense",
            "http://127.0.0.1/rest/",
        ])
    func foreign(endpoint: String) {
        #expect(Self.server(endpoint) == "https://oauth.bitrix.info")
        #expect(Self.server(endpoint, "https://auth.example") == "https://auth.example")
    }

    @Test("A POST has its secrets in the body; the GET has them in the address, percent-encoded")
    func forms() {
        let post = TokenRequest(
            .refreshToken("r+/=&1"), of: MachineStand.application, serverEndpoint: nil, isPost: true
        ).http(NetworkOptions())
        let form = "grant_type=refresh_token&refresh_token=r%2B%2F%3D%261&client_id=local.1&client_secret=s3cr3t0client"
        #expect(post.method == .post && post.url.exposed == "https://oauth.bitrix.info/oauth/token/")
        #expect(String(decoding: post.body, as: UTF8.self) == form)
        let get = TokenRequest(
            .code("c"), of: MachineStand.application, serverEndpoint: nil, isPost: false
        ).http(NetworkOptions())
        #expect(get.method == .get && get.body.isEmpty)
        #expect(
            get.url.exposed.hasPrefix("https://oauth.bitrix.info/oauth/token/?grant_type=authorization_code&code=c&"))
        #expect(!"\(get) \(post.url)".contains("s3cr3t"))
    }

    @Test(
        "An address of the portal that the answer names is taken over by https only, and by http on this machine only",
        arguments: [
            ("https://acme.bitrix24.com", "https://new.bitrix24.com/rest/", true),
            ("https://acme.bitrix24.com", "http://new.bitrix24.com/rest/", false),
            ("https://acme.bitrix24.com", "http://127.0.0.1/rest/", false),
            ("http://127.0.0.1:8800", "http://localhost:8800/rest/", true),
            ("http://127.0.0.1:8800", "https://evil.example/rest/", false),
        ])
    func endpoints(url: String, endpoint: String, isTaken: Bool) {
        var application = MachineStand.application
        application.url = url
        var stand = MachineStand(application) { _ in MachineStand.grant("a", "r", endpoint: endpoint) }
        stand.seed.refreshToken = "seed"
        #expect(stand.ask().endpoint == (isTaken ? endpoint : nil))
    }

    @Test("A new address in the settings wins over the one that was stored under the old one")
    func newURL() {
        var stand = MachineStand.stored()
        stand.disk?.clientEndpoint = "https://old.bitrix24.com/rest/"
        #expect(stand.ask().endpoint == "https://old.bitrix24.com/rest/")
        stand.disk?.url = "https://older.bitrix24.com"
        var other = MachineStand()
        other.disk = stand.disk
        #expect(other.ask().endpoint == nil)
    }

    @Test("A redirect leads to a renewal at most once an hour, and to nothing if that does not help")
    func redirects() {
        var stand = MachineStand.stored { _ in MachineStand.grant("a2", "r2", endpoint: "https://new.test/rest/") }
        guard case .give(let old) = stand.ask() else { return #expect(Bool(false)) }
        guard case .give(let new) = stand.ask(.insteadOf(old.generation, .moved)) else { return #expect(Bool(false)) }
        #expect(new.endpoint == "https://new.test/rest/")
        for _ in 0..<5 { #expect(stand.ask(.insteadOf(new.generation, .moved)).isKept) }
        #expect(stand.requests.count == 1)
        stand.pass(3601)
        _ = stand.ask(.insteadOf(new.generation, .moved))
        #expect(stand.requests.count == 2)
        stand.server = { _ in MachineStand.refusal("invalid_grant") }
        stand.pass(3601)
        #expect(stand.ask(.insteadOf(3, .moved)).isKept, "the redirect is what is told")
    }
}
