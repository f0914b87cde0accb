import Admin
import Glibc
import Logging
import Timing

/// The admin endpoint of the running daemon.
extension Operation {
    /// Opens the endpoint; nil: none is wanted, or the usual place is not to be had, which is no reason not to run.
    func openAdmin() throws(StartFailure) -> AdminServer? {
        let isAsked = if case .at = settings.admin { true } else { false }
        // Whoever keeps no state has no place of his own for a socket.
        guard isAsked || surroundings.keepsState else { return nil }
        guard let address = settings.adminAddress(variable: surroundings.variable) else {
            if settings.admin != .off {
                logger.warning(
                    "no admin endpoint: the path of its socket would be too long",
                    metadata: ["cure": "name a shorter one: admin: { listen: /PATH }"])
            }
            return nil
        }
        let source = StatusSource(
            startedAt: Moment.now().wall, processID: getpid(), readiness: readiness, portals: portals, sinks: sinks,
            journal: journal, transport: transport, time: .system)
        do {
            return try AdminServer(on: address) { await source.answer($0) }
        } catch {
            guard !isAsked else { throw StartFailure(.cannotCreate, "admin.listen: \(error.description)") }
            logger.warning("no admin endpoint", metadata: ["cause": "\(error.message)", "cure": "\(error.cure)"])
            return nil
        }
    }
}
