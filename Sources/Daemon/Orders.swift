import Glibc
import Logging
import Synchronization
import Timing
import UnixSignals

/// What the running daemon is asked to do from outside.
final class Orders: Sendable {
    /// SIGTERM or SIGINT came, or a part cannot go on.
    let stop = OneShotSignal()
    /// One for a SIGHUP, or for several that came while the last one was carried out.
    let reloads: AsyncStream<Void>
    private let newReloads: AsyncStream<Void>.Continuation
    private let logger: Logger

    init(logger: Logger) {
        self.logger = logger
        (reloads, newReloads) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// Takes the process' signals until the task is cancelled. After the first that stops the daemon the second ends the
    /// process where it stands: a journal and files that survive a crash survive this.
    func follow(_ signals: UnixSignalsSequence) async {
        var isStopping = false
        for await signal in signals {
            if signal == .sighup {
                newReloads.yield()
            } else if !isStopping {
                isStopping = true
                stop.fire()
            } else {
                logger.warning("stopping at once: sinks go on after the next start", metadata: ["signal": "\(signal)"])
                Self.die(of: signal.rawValue)
            }
        }
    }

    /// Ends the process by the signal itself, as without a handler: a shell reports 128 and its number, and a service manager
    /// takes it for an end that was asked for (systemd.service(5), `SuccessExitStatus=`), not for a crash to be restarted
    /// from.
    private static func die(of number: Int32) -> Never {
        signal(number, SIG_DFL)
        var mask = sigset_t()
        sigemptyset(&mask)
        sigaddset(&mask, number)
        pthread_sigmask(SIG_UNBLOCK, &mask, nil)
        raise(number)
        _exit(128 + number)
    }
}
