import Addresses
import Settings
import Testing

@Suite struct AdminSettingsTests {
    private func settings(_ line: String) throws -> Settings {
        let text = """
            state: /var/lib/pulld
            portals: { acme: { url: "https://acme.bitrix24.com", oauth: { access_token: { env: T } } } }
            sinks: { terminal: { stdout: {} } }
            \(line)
            """
        return try Settings.parse(Array(text.utf8), file: "f.yaml")
    }

    @Test(
        "The admin endpoint is where the file says",
        arguments: [
            ("admin: { listen: /run/x.sock }", LocalAddress.socket(path: "/run/x.sock")),
            ("admin: { listen: \"127.0.0.1:9187\" }", .loopback(host: "127.0.0.1", port: 9187)),
            ("admin: { listen: \"[::1]:9187\" }", .loopback(host: "::1", port: 9187)),
            ("admin: off", nil),
        ])
    func written(line: String, address: LocalAddress?) throws {
        #expect(try settings(line).adminAddress { _ in "/elsewhere" } == address)
    }

    @Test("Without a word of it it is in the runtime directory of the service, else in the state directory")
    func usual() throws {
        let settings = try settings("")
        #expect(settings.admin == .usual)
        #expect(settings.adminAddress { _ in nil } == .socket(path: "/var/lib/pulld/admin.sock"))
        let service = settings.adminAddress { $0 == "RUNTIME_DIRECTORY" ? "/run/pulld:/run/other" : nil }
        #expect(service == .socket(path: "/run/pulld/admin.sock"))
    }

    @Test("A place whose path is too long for a socket is none")
    func long() throws {
        let settings = try settings("")
        #expect(settings.adminAddress { _ in "/" + String(repeating: "x", count: 100) } == nil)
    }

    @Test("A heartbeat is off, or an interval of an application's portal")
    func heartbeat() throws {
        func heartbeat(_ value: String) throws -> Duration? {
            let text = """
                portals: { acme: { url: "https://a.example", oauth: { access_token: { env: T } }, heartbeat: \(value) } }
                sinks: { terminal: { stdout: {} } }
                """
            return try Settings.parse(Array(text.utf8), file: "f.yaml").portals.first?.heartbeat
        }
        #expect(try heartbeat("off") == nil)
        #expect(try heartbeat("5m") == .seconds(300))
        #expect(try settings("").portals.first?.heartbeat == nil)
    }
}
