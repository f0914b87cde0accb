import Addresses
import Secrets

/// Where a portal's REST methods are: an address that ends in a slash. A webhook's is its credential.
struct PortalBase: Sendable {
    let address: Secret
    /// In lower case.
    let host: String

    /// - Throws: `PortalError` for what is no address, and for plain http to another machine.
    init(_ text: String) throws(PortalError) {
        let address = text.hasSuffix("/") ? text : text + "/"
        guard let parts = WebAddress(bare: address), parts.query == nil, ["http", "https"].contains(parts.scheme) else {
            throw .address("the portal's address is no URL", cure: "write it as https://acme.bitrix24.com")
        }
        guard parts.scheme == "https" || parts.isLoopback else {
            throw .address(
                "the portal's address is plain http", cure: "use https: a token must not cross a network in the clear")
        }
        self.address = Secret(address)
        host = parts.host
    }
}
