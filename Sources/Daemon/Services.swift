import Delivery
import Journal
import ServiceLifecycle
import Subscription
import UnixSignals

/// All sessions: stopped together, so that a thousand of them take no longer than one.
struct SessionsService: Service {
    let sessions: [Session]
    let alarms: AlarmClock
    let notify: NotifySocket

    func run() async {
        await withGracefulShutdownHandler {
            await withTaskGroup { group in
                group.addTask { await alarms.run() }
                await withDiscardingTaskGroup { group in
                    for session in sessions { group.addTask { await session.run() } }
                }
                group.cancelAll()
            }
        } onGracefulShutdown: {
            notify.stopping()
            // The handler is not asynchronous; the tasks end with the sessions' own.
            for session in sessions { session.requestStop() }
        }
    }
}

/// Ends the journal once the sessions have ended, so that the sinks finish what is in it.
struct JournalService: Service {
    let journal: Journal

    func run() async throws {
        defer { journal.finish() }
        try await gracefulShutdown()
    }
}

struct SinkService: Service {
    let runner: any EventRunner

    func run() async throws {
        try await runner.run()
        // Done because the journal has ended, perhaps before the group has come to this service in its order of stopping.
        try? await gracefulShutdown()
    }
}

/// Opens the sinks' files anew on SIGHUP, as programs that rotate logs expect.
struct ReopenService: Service {
    let runners: [any EventRunner]

    func run() async {
        await cancelWhenGracefulShutdown {
            for await _ in await UnixSignalsSequence(trapping: .sighup) {
                for runner in runners { runner.reopen() }
            }
        }
    }
}
