import CCurl

/// Turns libcurl's result code into a stage, a sentence and a cure. Nothing of the URL but its host goes into them.
struct CurlFailure {
    var result: CURLcode
    var address: Address
    /// The settings name one; the environment may do so, too.
    var usesProxy: Bool
    /// libcurl's own words: used to tell the proxy from the server, never shown.
    var libraryMessage: String
    /// OpenSSL's verification result (X509_V_ERR_…); 0 when the chain is good.
    var certificateProblem: Int
    /// The proxy's answer to CONNECT; 0 without one.
    var proxyStatus: Int
    var isResolved: Bool
    var isConnected: Bool
    var isEncrypted: Bool

    private var host: String { address.host }

    var error: TransportError {
        if proxyStatus != 0 && proxyStatus / 100 != 2 { return refusedByProxy }
        switch result {
        case CURLE_COULDNT_RESOLVE_PROXY:
            return TransportError(
                stage: .proxy, message: "the proxy's name cannot be resolved", cure: "check the proxy setting")
        case CURLE_COULDNT_RESOLVE_HOST:
            return TransportError(
                stage: .dns, message: "the name \(host) cannot be resolved",
                cure: "check the host name and this machine's name servers")
        case CURLE_COULDNT_CONNECT:
            return notConnected
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
        case CURLE_URL_MALFORMAT, CURLE_UNSUPPORTED_PROTOCOL:
            return TransportError(stage: .http, message: "the address is not an http or https URL")
        case CURLE_GOT_NOTHING:
            return TransportError(stage: .http, message: "\(host) closed the connection without an answer")
        case CURLE_PARTIAL_FILE:
            return TransportError(stage: .http, message: "the answer of \(host) ended early")
        default:
            return TransportError(
                stage: isConnected ? .http : .connect,
                message: "the connection to \(host) failed (\(String(cString: curl_easy_strerror(result))))")
        }
    }

    private var refusedByProxy: TransportError {
        TransportError(
            stage: .proxy, message: "the proxy refuses the connection to \(host) with status \(proxyStatus)",
            cure: proxyStatus == 407 ? "put user and password into the proxy setting" : "check the proxy's rules",
            status: proxyStatus)
    }

    private var notConnected: TransportError {
        if isOfProxy {
            return TransportError(
                stage: .proxy, message: "the proxy accepts no connection",
                cure: "check that the proxy runs and the proxy setting")
        }
        return TransportError(
            stage: .connect, message: "\(host) accepts no connection",
            cure: "check that the server runs and that no firewall is in between")
    }

    /// Whether the connection that failed was to a proxy, of the settings or the environment's. libcurl names the peer
    /// that it tried; where it does not, the settings decide.
    private var isOfProxy: Bool {
        let message = libraryMessage.lowercased()
        // A name beyond ASCII stands there in another form.
        guard message.hasPrefix("failed to connect to "), host.utf8.allSatisfy({ $0 < 0x80 }) else { return usesProxy }
        let name = host.lowercased().filter { $0 != "[" && $0 != "]" }
        return !message.hasPrefix("failed to connect to \(name) port \(address.port) ")
    }

    private var timedOut: TransportError {
        let stage: TransportError.Stage
        let message: String
        if usesProxy && !isConnected {
            (stage, message) = (.proxy, "no connection to the proxy in time")
        } else if usesProxy && address.isTLS && proxyStatus == 0 && !isEncrypted {
            (stage, message) = (.proxy, "the proxy made no connection to \(host) in time")
        } else if !isResolved {
            (stage, message) = (.dns, "the name \(host) was not resolved in time")
        } else if !isConnected {
            (stage, message) = (.connect, "no connection to \(host) in time")
        } else if address.isTLS && !isEncrypted {
            (stage, message) = (.tls, "no TLS connection to \(host) in time")
        } else {
            (stage, message) = (.http, "no answer of \(host) in time")
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
