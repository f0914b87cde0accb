import Glibc

/// A port on 127.0.0.1 whose queue of connections is full: the kernel drops the first packet of each further one, so that it
/// hangs, as where a firewall drops packets.
public final class HangingPort: Sendable {
    public let port: UInt16
    private let listener: Int32
    private let filler: Int32

    public init() throws {
        // listen(2): the queue holds one more than the backlog.
        (listener, port) = try LoopbackPort.listener(backlog: 0)
        filler = try LoopbackPort.connection(to: port)
    }

    deinit {
        close(filler)
        close(listener)
    }
}
