import Addresses

extension PullConfiguration {
    /// Which push server this is, for whatever must not be mixed up between servers: its host in lower case, with the port
    /// where that is not the usual one. The WebSocket's address says it, or the one of long polling: both lead to the same
    /// server. Empty where there is no address.
    public var pushServer: String {
        guard let text = webSocketURL ?? longPollingURL, let address = WebAddress(text) else { return "" }
        let isSecure = address.scheme == "wss" || address.scheme == "https"
        guard let port = address.port, port != (isSecure ? 443 : 80) else { return address.host }
        return "\(address.host):\(port)"
    }
}
