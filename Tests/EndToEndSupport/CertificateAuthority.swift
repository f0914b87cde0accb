import Foundation

/// A test's own certificate authority, made with openssl(1). Keys are ECDSA on P-256: made in milliseconds.
public final class CertificateAuthority: Sendable {
    public struct Certificate: Sendable {
        /// PEM files.
        public let certificatePath: String
        public let keyPath: String
    }

    public enum Kind: String, Sendable, CaseIterable {
        /// For `localhost`, 127.0.0.1 and ::1.
        case good
        /// Valid, for `wrong.example` alone.
        case wrongHost = "wrong-host"
        /// For the right hosts, valid for another week.
        case endsSoon = "ends-soon"
        /// For the right hosts, valid until yesterday.
        case expired
        /// For the right hosts, signed by an authority that stands in nobody's file.
        case unknownAuthority = "unknown-authority"
    }

    /// The certificate that clients are to trust.
    public let certificatePath: String
    private let directory: ScratchDirectory

    public init() async throws {
        directory = try ScratchDirectory()
        certificatePath = directory.file("authority.pem")
        for name in ["authority", "stranger"] {
            try await Self.openssl([
                "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "60",
                "-subj", "/CN=pulld test \(name)", "-addext", "basicConstraints=critical,CA:TRUE",
                "-addext", "keyUsage=critical,keyCertSign,cRLSign",
                "-keyout", directory.file("\(name).key"), "-out", directory.file("\(name).pem"),
            ])
        }
    }

    /// Makes a server certificate. A second call for the same kind makes a new one in its place.
    public func certificate(_ kind: Kind) async throws -> Certificate {
        let stem = directory.file(kind.rawValue)
        let issuer = kind == .unknownAuthority ? "stranger" : "authority"
        let days = kind == .expired ? -1 : kind == .endsSoon ? 7 : 30
        let names = kind == .wrongHost ? "DNS:wrong.example" : "DNS:localhost,IP:127.0.0.1,IP:::1"
        try directory.write(
            """
            subjectAltName=\(names)
            basicConstraints=critical,CA:FALSE
            keyUsage=critical,digitalSignature
            extendedKeyUsage=serverAuth
            """, to: "\(kind.rawValue).extensions")
        try await Self.openssl([
            "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
            "-subj", kind == .wrongHost ? "/CN=wrong.example" : "/CN=localhost",
            "-keyout", stem + ".key", "-out", stem + ".request",
        ])
        try await Self.openssl([
            "x509", "-req", "-in", stem + ".request", "-extfile", stem + ".extensions",
            "-CA", directory.file("\(issuer).pem"), "-CAkey", directory.file("\(issuer).key"),
            "-CAcreateserial", "-days", "\(days)", "-out", stem + ".pem",
        ])
        return Certificate(certificatePath: stem + ".pem", keyPath: stem + ".key")
    }

    private static func openssl(_ arguments: [String]) async throws {
        try await CommandLineTool.run("openssl", arguments)
    }
}
