public import Secrets

/// Where a secret is: never in the configuration file itself.
public enum SecretSource: Hashable, Sendable {
    /// A systemd credential: the file of this name in `$CREDENTIALS_DIRECTORY`, else the one of this name in the directory
    /// that the unit loads whole (`LoadCredential=pulld:DIRECTORY`).
    case credential(String)
    /// An absolute path.
    case file(String)
    /// An environment variable.
    case environment(String)

    /// A secret that is longer is no secret of this field: 64 KiB.
    public static let maximumSize = 64 * 1024

    /// What systemd puts before the names of the files of a directory: the id of the setting and an underscore
    /// (systemd.exec(5), LoadCredential=).
    private static let directoryPrefix = "pulld_"

    /// Reads the secret. One line break at the end of a file is not part of it.
    public func resolve(environment: SecretEnvironment) throws(SecretError) -> ResolvedSecret {
        switch self {
        case .environment(let name):
            guard let value = environment.variable(name) else {
                throw SecretError(
                    code: .missing, message: "the environment variable \(name) is not set",
                    cure: "set it, or use { credential: NAME } or { file: PATH }")
            }
            return ResolvedSecret(secret: try checked(value, "the environment variable \(name)"))
        case .file(let path):
            let file = try environment.readFile(path)
            let warning =
                file.mode & 0o044 == 0
                ? nil : "\(path) can be read by others than its owner (mode \(String(file.mode & 0o777, radix: 8)))"
            return ResolvedSecret(secret: try text(of: file, path), warning: warning)
        case .credential(let name):
            guard let directory = environment.variable("CREDENTIALS_DIRECTORY"), !directory.isEmpty else {
                throw SecretError(
                    code: .missing, message: "the credential \(name) is not there: $CREDENTIALS_DIRECTORY is not set",
                    cure: "run under systemd with LoadCredential=\(name):PATH, or set CREDENTIALS_DIRECTORY")
            }
            for name in [name, Self.directoryPrefix + name] {
                let path = directory + "/" + name
                do throws(SecretError) {
                    return ResolvedSecret(secret: try text(of: environment.readFile(path), path))
                } catch  where error.code == .missing {
                    continue
                }
            }
            throw SecretError(
                code: .missing, message: "the credential \(name) was not there when the service was started",
                cure: "put it into /etc/pulld/credentials/\(name), mode 0600, or write LoadCredential=\(name):PATH "
                    + "into the unit; then restart the service")
        }
    }

    private func text(of file: SecretFile, _ path: String) throws(SecretError) -> Secret {
        var bytes = file.bytes[...]
        if bytes.last == UInt8(ascii: "\n") {
            bytes = bytes.dropLast()
            if bytes.last == UInt8(ascii: "\r") { bytes = bytes.dropLast() }
        }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw SecretError(code: .notText, message: "\(path) is not text in UTF-8", cure: "write the secret as text")
        }
        return try checked(text, path)
    }

    /// Secrets end in headers, addresses and forms, where a line break or a control character would be an injection.
    private func checked(_ text: String, _ place: String) throws(SecretError) -> Secret {
        if text.isEmpty {
            throw SecretError(code: .empty, message: "\(place) is empty", cure: "put the secret there")
        }
        if text.utf8.count > Self.maximumSize {
            throw SecretError(
                code: .tooLarge, message: "\(place) holds more than \(Self.maximumSize) bytes",
                cure: "check that it is the secret")
        }
        if text.utf8.contains(where: { $0 < 0x20 || $0 == 0x7F }) {
            throw SecretError(
                code: .notText, message: "\(place) holds line breaks or control characters",
                cure: "put the secret there alone, on one line")
        }
        return Secret(text)
    }
}

/// A secret, with what there is to say about its keeping.
public struct ResolvedSecret: Hashable, Sendable {
    public var secret: Secret
    /// For the log: the file is open to others. Nil when all is well.
    public var warning: String?

    public init(secret: Secret, warning: String? = nil) {
        self.secret = secret
        self.warning = warning
    }
}

/// What secrets are read from: the process' surroundings, or a test's.
public struct SecretEnvironment: Sendable {
    public var variable: @Sendable (String) -> String?
    public var readFile: @Sendable (String) throws(SecretError) -> SecretFile

    public init(
        variable: @escaping @Sendable (String) -> String?,
        readFile: @escaping @Sendable (String) throws(SecretError) -> SecretFile
    ) {
        self.variable = variable
        self.readFile = readFile
    }
}

/// A file's content and its permissions.
public struct SecretFile: Sendable {
    public var bytes: [UInt8]
    /// As `st_mode`, of which the last nine bits count.
    public var mode: UInt32

    public init(bytes: [UInt8], mode: UInt32) {
        self.bytes = bytes
        self.mode = mode
    }
}

/// Why a secret could not be had. Names where it should be, never what was there.
public struct SecretError: Error, Hashable, Sendable {
    public enum Code: String, Sendable {
        case missing
        case unreadable
        case empty
        case tooLarge = "too-large"
        case notText = "not-text"
    }

    public var code: Code
    public var message: String
    public var cure: String

    public init(code: Code, message: String, cure: String) {
        self.code = code
        self.message = message
        self.cure = cure
    }
}

extension SecretError: CustomStringConvertible {
    public var description: String { "\(message); \(cure)" }
}
