public import Addresses

/// `admin:`, where the daemon tells how it is.
public enum AdminSettings: Hashable, Sendable {
    /// `admin.sock` in systemd's `$RUNTIME_DIRECTORY`, else in the state directory.
    case usual
    case at(LocalAddress)
    case off
}

extension Settings {
    private static let socketName = "admin.sock"

    /// Where the daemon listens; nil: nowhere. In the usual place that is so too where the path is too long for a socket.
    ///
    /// - Parameter variable: a variable of the daemon's environment.
    public func adminAddress(variable: (String) -> String?) -> LocalAddress? {
        switch admin {
        case .at(let address): return address
        case .off: return nil
        case .usual:
            let runtime = variable("RUNTIME_DIRECTORY").flatMap { $0.split(separator: ":").first.map(String.init) }
            guard let directory = runtime ?? stateDirectory(variable: variable) else { return nil }
            return try? LocalAddress(directory + "/" + Self.socketName)
        }
    }
}

/// `admin:` of the file.
extension SettingsNode {
    func adminSettings() -> AdminSettings? {
        if node.scalar?.string == "off" { return .off }
        let example = "{ listen: /run/pulld/admin.sock }"
        guard let fields = fields(["listen"], example: "\(example), or off"),
            let node = fields.required("listen", example: "\(example), or off"), let text = node.text()
        else { return nil }
        do throws(LocalAddress.Fault) {
            return .at(try LocalAddress(text))
        } catch {
            let cure = "write the absolute path of a socket, or 127.0.0.1:9187"
            switch error {
            case .neither: node.problem("neither the path of a socket nor an address with a port", cure: cure)
            case .pathTooLong:
                node.problem("the path is too long for a socket", cure: "at most \(LocalAddress.maximumPath) bytes")
            case .otherMachine:
                node.problem(
                    "only this machine's loopback is listened on",
                    cure: "write 127.0.0.1:9187, and put a proxy with authentication in front for others")
            case .port: node.problem("not a port", cure: "write a number from 1 to 65535")
            }
            return nil
        }
    }
}
