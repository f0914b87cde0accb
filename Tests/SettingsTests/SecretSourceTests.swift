import Foundation
import Settings
import Testing

@Suite("Secrets")
struct SecretSourceTests {
    private func environment(
        _ variables: [String: String] = [:], files: [String: SecretFile] = [:]
    ) -> SecretEnvironment {
        SecretEnvironment(
            variable: { variables[$0] },
            readFile: { path throws(SecretError) in
                guard let file = files[path] else {
                    throw SecretError(code: .missing, message: "\(path) is not there", cure: "create it")
                }
                return file
            })
    }

    @Test("a credential is a file of systemd's directory, and its mode is systemd's business")
    func credential() throws {
        let environment = environment(
            ["CREDENTIALS_DIRECTORY": "/run/credentials/pulld.service"],
            files: ["/run/credentials/pulld.service/token": SecretFile(bytes: Array("abc\n".utf8), mode: 0o100444)])
        let resolved = try SecretSource.credential("token").resolve(environment: environment)
        #expect(resolved.secret.exposed == "abc")
        #expect(resolved.warning == nil)
    }

    @Test("a directory of credentials has them under the setting's id; one that was loaded by its own name wins")
    func directory() throws {
        var files = ["/c/pulld_token": SecretFile(bytes: Array("whole".utf8), mode: 0o100400)]
        let source = SecretSource.credential("token")
        let variables = ["CREDENTIALS_DIRECTORY": "/c"]
        #expect(try source.resolve(environment: environment(variables, files: files)).secret.exposed == "whole")
        files["/c/token"] = SecretFile(bytes: Array("own".utf8), mode: 0o100400)
        #expect(try source.resolve(environment: environment(variables, files: files)).secret.exposed == "own")
    }

    @Test("a credential that systemd did not load is said by name, and where to put it")
    func missingCredential() {
        let error = #expect(throws: SecretError.self) {
            try SecretSource.credential("token").resolve(environment: environment(["CREDENTIALS_DIRECTORY": "/c"]))
        }
        #expect(error?.code == .missing)
        #expect(error?.message == "the credential token was not there when the service was started")
        #expect(error?.cure.contains("/etc/pulld/credentials/token") == true)
    }

    @Test("an empty credential is told, not passed over for another")
    func emptyCredential() {
        let files = [
            "/c/token": SecretFile(bytes: [], mode: 0o100400),
            "/c/pulld_token": SecretFile(bytes: Array("whole".utf8), mode: 0o100400),
        ]
        let error = #expect(throws: SecretError.self) {
            try SecretSource.credential("token").resolve(
                environment: environment(["CREDENTIALS_DIRECTORY": "/c"], files: files))
        }
        #expect(error?.code == .empty)
    }

    @Test("a credential without systemd says how to get one")
    func credentialWithoutDirectory() {
        let error = #expect(throws: SecretError.self) {
            try SecretSource.credential("token").resolve(environment: environment())
        }
        #expect(error?.code == .missing)
        #expect(error?.cure.contains("LoadCredential=token:PATH") == true)
    }

    @Test(
        "one line break at the end of a file is not part of the secret",
        arguments: ["s3cret", "s3cret\n", "s3cret\r\n"])
    func lineBreak(_ content: String) throws {
        let environment = environment(files: ["/s": SecretFile(bytes: Array(content.utf8), mode: 0o100600)])
        let resolved = try SecretSource.file("/s").resolve(environment: environment)
        #expect(resolved.secret.exposed == "s3cret")
        #expect(resolved.warning == nil)
    }

    @Test(
        "a file that others can read is worth a warning, without the secret in it",
        arguments: [0o100640, 0o100604] as [UInt32])
    func openFile(_ mode: UInt32) throws {
        let environment = environment(files: ["/s": SecretFile(bytes: Array("hunter2".utf8), mode: mode)])
        let resolved = try SecretSource.file("/s").resolve(environment: environment)
        let octal = String(mode & 0o777, radix: 8)
        #expect(resolved.warning == "/s can be read by others than its owner (mode \(octal))")
        #expect(!"\(resolved)".contains("hunter2"))
    }

    @Test("an environment variable is taken as it is")
    func variable() throws {
        let resolved = try SecretSource.environment("T").resolve(environment: environment(["T": "x y"]))
        #expect(resolved.secret.exposed == "x y")
    }

    @Test(
        "what can be no secret is refused, and not shown",
        arguments: [
            ("", SecretError.Code.empty), ("\n", .empty), ("hunter2\nsecond", .notText), ("hunter2\n\n", .notText),
            ("hunter2\u{0}", .notText), ("hunter2\t", .notText),
            (String(repeating: "hunter2", count: 10_000), .tooLarge),
        ])
    func noSecrets(_ content: String, _ code: SecretError.Code) {
        let environment = environment(files: ["/s": SecretFile(bytes: Array(content.utf8), mode: 0o100600)])
        let error = #expect(throws: SecretError.self) { try SecretSource.file("/s").resolve(environment: environment) }
        #expect(error?.code == code)
        #expect(error?.description.contains("hunter2") == false)
    }

    @Test("bytes that are no UTF-8 are no secret")
    func notText() {
        let environment = environment(files: ["/s": SecretFile(bytes: [0x61, 0xFF], mode: 0o100600)])
        let error = #expect(throws: SecretError.self) { try SecretSource.file("/s").resolve(environment: environment) }
        #expect(error?.code == .notText)
    }

    @Test("a variable that is not set and a file that is not there are said by name")
    func missing() {
        let unset = #expect(throws: SecretError.self) {
            try SecretSource.environment("PULLD_NOT_SET").resolve(environment: .process)
        }
        #expect(unset?.message == "the environment variable PULLD_NOT_SET is not set")
        let absent = #expect(throws: SecretError.self) {
            try SecretSource.file("/nowhere/secret").resolve(environment: .process)
        }
        #expect(absent?.message == "/nowhere/secret is not there")
        #expect(absent?.code == .missing)
    }

    @Test("the process' own files are read with their mode")
    func realFile() throws {
        let path = FileManager.default.temporaryDirectory.appending(path: "secret-\(UUID().uuidString)").path
        defer { try? FileManager.default.removeItem(atPath: path) }
        #expect(
            FileManager.default.createFile(
                atPath: path, contents: Data("abc\n".utf8), attributes: [.posixPermissions: 0o644]))
        let resolved = try SecretSource.file(path).resolve(environment: .process)
        #expect(resolved.secret.exposed == "abc")
        #expect(resolved.warning?.hasSuffix("(mode 644)") == true)
    }
}
