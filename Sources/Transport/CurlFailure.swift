import CCurl
import Glibc

/// Turns libcurl's result code into a stage, a sentence and a cure. Nothing of the URL but its host goes into them.
struct CurlFailure {
    var result: CURLcode
    var address: Address
    /// libcurl's own words: used to tell the proxy from the server, never shown.
    var libraryMessage: String
    /// OpenSSL's verification result (X509_V_ERR_…); 0 when the chain is good.
    var certificateProblem: Int
    /// The proxy's answer to CONNECT; 0 without one.
    var proxyStatus: Int
    var isResolved: Bool
    var isConnected: Bool
    var isEncrypted: Bool
    /// At least the beginning of it.
    var isRequestSent = false
    /// Of the answer; 0 without one.
    var status = 0
    /// errno of the last connection tried.
    var systemError: Int32 = 0
    /// What the settings say of the way.
    var network = NetworkOptions()
    /// The rule that kept libcurl from connecting.
    var refusal: SocketGate.Refusal?

    private var host: String { address.host }
    /// What answers, for people.
    private var place: String { network.unixSocket ?? host }
    private var usesProxy: Bool { network.allowsProxy && network.proxy.map { !$0.isEmpty } ?? false }

    var error: TransportError {
        var error = found
        error.isRequestSent = isRequestSent && error.stage == .http
        return error
    }

    private var found: TransportError {
        if let path = network.unixSocket, let error = Self.fault(ofPath: path) { return error }
        if proxyStatus != 0 && proxyStatus / 100 != 2 { return refusedByProxy }
        switch result {
        case CURLE_COULDNT_RESOLVE_PROXY:
            return TransportError(
                stage: .proxy, message: "the proxy's name cannot be resolved", cure: "check the proxy setting")
        case CURLE_COULDNT_RESOLVE_HOST:
            return TransportError(
                stage: .dns, message: "the name \(host) cannot be resolved",
                cure: "check the host name and this machine's name servers")
        case CURLE_COULDNT_CONNECT, CURLE_ABORTED_BY_CALLBACK:
            return refusal.map(forbidden) ?? notConnected
        case CURLE_PROXY:
            return TransportError(
                stage: .proxy, message: "the proxy does not do what a proxy should", cure: "check the proxy setting")
        case CURLE_OPERATION_TIMEDOUT:
            return timedOut
        case CURLE_PEER_FAILED_VERIFICATION:
            return untrusted
        case CURLE_SSL_CONNECT_ERROR, CURLE_SSL_CERTPROBLEM, CURLE_SSL_CIPHER, CURLE_SSL_ENGINE_INITFAILED,
            CURLE_SSL_CRL_BADFILE, CURLE_SSL_ISSUER_ERROR, CURLE_SSL_INVALIDCERTSTATUS:
            return TransportError(
                stage: .tls, message: "no TLS connection to \(host) comes about",
                cure: "check that the server speaks TLS 1.2 or later on this port")
        case CURLE_SSL_CACERT_BADFILE:
            return TransportError(
                stage: .tls, message: "the file of trusted authorities cannot be read", cure: "check tls.ca_file")
        case CURLE_WRITE_ERROR:
            // The only reason to refuse libcurl something, but for bodies that are cut and then no failure.
            return TransportError(stage: .http, message: "the head of the answer of \(place) is too large")
        case CURLE_UNSUPPORTED_PROTOCOL where isRequestSent:
            return TransportError(stage: .http, message: "what \(place) answers is not HTTP")
        case CURLE_URL_MALFORMAT, CURLE_UNSUPPORTED_PROTOCOL:
            return TransportError(stage: .http, message: "the address is not an http or https URL")
        case CURLE_GOT_NOTHING, CURLE_PARTIAL_FILE, CURLE_SEND_ERROR, CURLE_RECV_ERROR:
            return broken
        default:
            return TransportError(
                stage: isConnected ? .http : .connect,
                message: "the connection to \(place) failed (\(String(cString: curl_easy_strerror(result))))")
        }
    }

    /// A path that cannot be a socket's, whatever libcurl says about it.
    private static func fault(ofPath path: String) -> TransportError? {
        let limit = NetworkOptions.maximumUnixSocketLength
        let (message, cure) =
            if path.isEmpty || path.utf8.contains(0) {
                ("the path of the socket is empty or has a NUL in it", "check the path")
            } else if path.utf8.count > limit {
                (
                    "the path of the socket has \(path.utf8.count) bytes, and \(limit) is the most that a socket can have",
                    "put the socket into a directory with a shorter path"
                )
            } else {
                ("", "")
            }
        return message.isEmpty ? nil : TransportError(stage: .connect, message: message, cure: cure)
    }

    private func forbidden(_ refusal: SocketGate.Refusal) -> TransportError {
        let number = "\(refusal.address)"
        let isNumber = host == number || host == "[\(number)]"
        return TransportError(
            stage: .connect,
            message: "\(host) \(isNumber ? "is" : "leads to \(number),") \(refusal.obstacle.text): not allowed",
            cure: refusal.obstacle == .otherMachine ? "set allow_remote: true" : "", isForbiddenDestination: true)
    }

    /// A connection that was there and ended.
    private var broken: TransportError {
        if status >= 200 {
            TransportError(stage: .http, message: "the answer of \(place) ended early")
        } else if isRequestSent {
            TransportError(stage: .http, message: "\(place) closed the connection without an answer")
        } else if usesProxy && !isEncrypted {
            TransportError(
                stage: .proxy, message: "the proxy closed the connection", cure: "check the proxy's rules")
        } else if address.isTLS && !isEncrypted {
            TransportError(stage: .tls, message: "\(place) closed the connection before TLS came about")
        } else {
            TransportError(stage: .connect, message: "\(place) closed the connection before the request")
        }
    }

    private var refusedByProxy: TransportError {
        TransportError(
            stage: .proxy, message: "the proxy refuses the connection to \(host) with status \(proxyStatus)",
            cure: proxyStatus == 407 ? "put user and password into the proxy setting" : "check the proxy's rules",
            status: proxyStatus)
    }

    private var notConnected: TransportError {
        if let path = network.unixSocket { return notConnected(path: path) }
        if isOfProxy {
            return TransportError(
                stage: .proxy, message: "the proxy accepts no connection",
                cure: "check that the proxy runs and the proxy setting")
        }
        return TransportError(
            stage: .connect, message: "\(host) accepts no connection",
            cure: "check that the server runs and that no firewall is in between")
    }

    private func notConnected(path: String) -> TransportError {
        switch systemError {
        case EACCES, EPERM:
            TransportError(
                stage: .connect, message: "this user may not connect to the socket \(path)",
                cure: "permit writing to the socket and passing through its directories")
        case ENOENT, ENOTDIR:
            TransportError(
                stage: .connect, message: "there is no socket \(path)",
                cure: "check the path, and that the program that listens there runs")
        default:
            TransportError(
                stage: .connect, message: "nobody listens at the socket \(path)",
                cure: "check that the program that listens there runs")
        }
    }

    /// Whether the connection that failed was to a proxy, of the settings or the environment's. libcurl names the peer
    /// that it tried; where it does not, the settings decide.
    private var isOfProxy: Bool {
        guard network.allowsProxy else { return false }
        let message = libraryMessage.lowercased()
        // A name beyond ASCII stands there in another form.
        guard message.hasPrefix("failed to connect to "), host.utf8.allSatisfy({ $0 < 0x80 }) else { return usesProxy }
        let name = host.lowercased().filter { $0 != "[" && $0 != "]" }
        return !message.hasPrefix("failed to connect to \(name) port \(address.port) ")
    }

    private var timedOut: TransportError {
        let stage: TransportError.Stage
        let message: String
        if isRequestSent {
            (stage, message) = (.http, "no answer of \(place) in time")
        } else if usesProxy && !isConnected {
            (stage, message) = (.proxy, "no connection to the proxy in time")
        } else if usesProxy && address.isTLS && proxyStatus == 0 && !isEncrypted {
            (stage, message) = (.proxy, "the proxy made no connection to \(host) in time")
        } else if !isResolved {
            (stage, message) = (.dns, "the name \(host) was not resolved in time")
        } else if !isConnected {
            (stage, message) = (.connect, "no connection to \(place) in time")
        } else if address.isTLS && !isEncrypted {
            (stage, message) = (.tls, "no TLS connection to \(place) in time")
        } else {
            (stage, message) = (.http, "\(place) did not take the request in time")
        }
        return TransportError(stage: stage, message: message, isTimeout: true)
    }

    private var untrusted: TransportError {
        switch certificateProblem {
        // libcurl leaves 1 (unspecified) when only the name does not match.
        case 0, 1, 62:
            return TransportError(
                stage: .tls, message: "the certificate is for another name than \(host)",
                cure: "use the name that the certificate is made for")
        case 9, 10:
            return TransportError(
                stage: .tls,
                message: "the certificate of \(host) is \(certificateProblem == 10 ? "expired" : "not valid yet")",
                cure: certificateProblem == 10
                    ? "renew it on the server, or check this machine's clock" : "check this machine's clock")
        case 18, 19, 20, 21:
            return TransportError(
                stage: .tls, message: "the certificate of \(host) is from an unknown authority",
                cure: "put the authority's certificate into tls.ca_file")
        default:
            return TransportError(
                stage: .tls,
                message: "the certificate of \(host) is not trusted (verification result \(certificateProblem))",
                cure: "check the server's certificate chain and tls.ca_file")
        }
    }
}
