import Foundation

/// A network of its own for a daemon: no way out, addresses of the test's choice on the loopback interface, names of
/// the test's choice, and somebody who listens on all of them.
public final class PrivateNetwork: Sendable {
    /// No such network can be had here, and why.
    public struct Unavailable: Error, CustomStringConvertible {
        public let description: String
    }

    /// Stands before a command that is to be in this network.
    public let launcher: [String]
    /// Of the listener, which answers every request with 200.
    public let port: UInt16
    private let holder: ChildProcess
    private let directory: ScratchDirectory

    /// - Parameter names: with the address of each, as in hosts(5).
    public init(names: [(address: String, name: String)]) async throws {
        let directory = try ScratchDirectory()
        let own = [(address: "127.0.0.1", name: "localhost")]
        let hosts = try directory.write(
            (own + names).map { "\($0.address) \($0.name)\n" }.joined(), to: "hosts")
        let listener = try directory.write(Self.listener, to: "listener.py")
        let addresses = Set(names.map(\.address)).sorted().map { address in
            address.contains(":") ? "ip -6 addr add \(address)/128 dev lo nodad" : "ip addr add \(address)/32 dev lo"
        }
        let script =
            (["ip link set lo up"] + addresses + ["mount --bind \(hosts) /etc/hosts", "exec python3 -u \(listener)"])
            .joined(separator: " && ")
        let holder = try ChildProcess(
            "unshare", ["--user", "--map-root-user", "--net", "--mount", "sh", "-c", script])
        var port: UInt16?
        try await eventually(within: .seconds(30), "a network of its own has its listener") {
            if holder.exit != nil {
                throw Unavailable(description: "no network of its own: \(holder.errorOutput)")
            }
            port = holder.output.split(separator: "\n").first.flatMap { UInt16($0) }
            return port != nil
        }
        self.directory = directory
        self.holder = holder
        self.port = port ?? 0
        launcher = [
            "nsenter", "--user", "--net", "--mount", "--preserve-credentials", "--target", "\(holder.pid)", "--",
        ]
    }

    /// The address that each connection was made to, and after it that of each request.
    public var visits: [String] { holder.output.split(separator: "\n").dropFirst().map(String.init) }

    private static let listener = """
        import socket, threading
        server = socket.socket(socket.AF_INET6, socket.SOCK_STREAM)
        server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        server.bind(('::', 0))
        server.listen()
        print(server.getsockname()[1])
        def serve(connection):
            place = connection.getsockname()[0].removeprefix('::ffff:')
            print('connection to ' + place)
            data = b''
            while more := connection.recv(65536):
                data += more
                head, end, body = data.partition(b'\\r\\n\\r\\n')
                length = [int(line[15:]) for line in head.lower().split(b'\\r\\n') if line[:15] == b'content-length:']
                if end and length and len(body) >= length[0]:
                    print('request to ' + place)
                    connection.sendall(b'HTTP/1.1 200 OK\\r\\nContent-Length: 0\\r\\n\\r\\n')
                    data = body[length[0]:]
        while True:
            threading.Thread(target=serve, args=(server.accept()[0],), daemon=True).start()
        """
}
