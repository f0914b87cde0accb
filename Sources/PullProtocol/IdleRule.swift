/// How long a WebSocket connection may be silent.
public enum IdleRule {
    /// Seconds without a frame of any kind, data, ping or pong, after which the connection is dead and to be closed
    /// with `CloseMeaning.Own.stuck`. Servers up to version 4 ping every 120 s. From version 5 on they send the text
    /// `ping` every few seconds; the short limit holds only once the first has come, else every quiet connection would
    /// fall.
    public static func limit(version: Int, sawTextPing: Bool) -> Double {
        version >= 5 && sawTextPing ? 20 : 300
    }
}
