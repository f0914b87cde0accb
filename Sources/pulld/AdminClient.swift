import Addresses
import Admin
import Daemon
import Glibc
import JSONText
import Secrets
import Transport

/// Asks a daemon's admin endpoint.
struct AdminClient: Sendable {
    struct Failure: Error, CustomStringConvertible {
        var description: String
        /// This user may not ask.
        var isForbidden = false
        /// A daemon that starts may answer a little later.
        var mayPass = true
    }

    /// The likeliest first.
    let places: [LocalAddress]
    private let transport = Transport(userAgent: Product.userAgent)

    init(places: [LocalAddress]) {
        self.places = places
    }

    func close() async { await transport.shutdown() }

    func status() async -> Result<StatusReport, Failure> {
        guard let place = places.first(where: Self.isThere) ?? places.first else {
            return .failure(
                Failure(description: "there is no admin endpoint to ask; name one with --admin", mayPass: false))
        }
        var network = NetworkOptions(connectTimeout: .seconds(2), destination: .loopback)
        let url: String
        switch place {
        case .socket(let path):
            // Of the socket, or of a directory on the way to it.
            if access(path, W_OK) != 0, errno == EACCES { return .failure(Self.forbidden(path)) }
            network.unixSocket = path
            url = "http://localhost/status"
        case .loopback: url = "http://\(place)/status"
        }
        let request = HTTPRequest(
            method: .get, url: Secret(url), timeout: .seconds(10), maximumBodySize: 64 * 1024 * 1024, network: network)
        do throws(TransportError) {
            let response = try await transport.exchange(request)
            guard response.status == 200, let report = JSONValue.parse(response.body).flatMap(StatusReport.init(json:))
            else {
                return .failure(
                    Failure(description: "\(place) answers with status \(response.status), and with no report"))
            }
            return .success(report)
        } catch {
            return .failure(
                Failure(description: "no daemon answers on \(place): \(error.message) (is pulld running?)"))
        }
    }

    private static func isThere(_ place: LocalAddress) -> Bool {
        switch place {
        case .socket(let path): access(path, F_OK) == 0
        case .loopback: true
        }
    }

    private static func forbidden(_ path: String) -> Failure {
        Failure(
            description:
                "this user may not ask \(path): it is the daemon's own (use sudo, or the user that pulld runs as)",
            isForbidden: true, mayPass: false)
    }
}
