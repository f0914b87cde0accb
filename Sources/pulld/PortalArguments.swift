import ArgumentParser
import Glibc
import Secrets
import Settings

/// The address of a portal on the command line. It is kept in the form that the settings have: scheme, host and port.
struct PortalAddress: Sendable {
    let origin: String
    let host: String

    /// An address that holds more than a portal's is not repeated in the error: it may be a webhook's.
    static func argument(_ text: String) throws -> PortalAddress {
        let example = "write it as https://acme.bitrix24.com."
        do throws(AddressFault) {
            let address = try AddressRule.origin.check(text)
            return PortalAddress(origin: address.origin, host: address.host)
        } catch .notAnAddress, .scheme {
            throw ValidationError("PORTAL_URL is no address; \(example)")
        } catch .plainHTTP {
            throw ValidationError("PORTAL_URL is reached by https; http is for a host of this machine only.")
        } catch {
            throw ValidationError(
                """
                PORTAL_URL holds more than a portal's address; \(example) A webhook's address is a secret, and arguments \
                are visible to every user of this machine (ps): put it into the environment variable \
                \(Surroundings.webhook), and make a new webhook if others use this machine.
                """)
        }
    }
}

/// How to reach the portal.
struct NetworkArguments: ParsableArguments {
    static let proxyVariable = "PULLD_PROXY"

    @Option(help: ArgumentHelp("Trusted authorities, PEM; the system's if left out.", valueName: "file"))
    var caFile: String?

    @Option(
        help: ArgumentHelp(
            "Proxy, such as http://proxy:3128. One with a password goes into $PULLD_PROXY instead.", valueName: "url"))
    var proxy: String?

    func validate() throws {
        guard let proxy else { return }
        do throws(AddressFault) {
            _ = try AddressRule.proxy.check(proxy)
        } catch .userInfo {
            throw ValidationError(
                """
                Arguments are visible to every user of this machine (ps): put a proxy's address with its password into \
                the environment variable \(Self.proxyVariable).
                """)
        } catch {
            throw ValidationError("--proxy is no address of a proxy; write it as http://proxy:3128.")
        }
    }

    /// Absolute, as the settings want it.
    var absoluteCAFile: String? {
        guard let caFile, !caFile.hasPrefix("/") else { return caFile }
        guard let directory = getcwd(nil, 0) else { return caFile }
        defer { free(directory) }
        return String(cString: directory) + "/" + caFile
    }

    /// For a daemon's settings.
    var proxySettings: ProxySettings? {
        if let proxy { return .url(proxy) }
        return Surroundings.has(Self.proxyVariable) ? .secret(.environment(Self.proxyVariable)) : nil
    }

    /// For a call of one's own.
    func proxyAddress() throws -> Secret? {
        if let proxy { return Secret(proxy) }
        return Surroundings.has(Self.proxyVariable) ? try Surroundings.secret(Self.proxyVariable) : nil
    }
}
