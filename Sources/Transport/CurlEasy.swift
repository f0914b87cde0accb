import CCurl
import Secrets

/// One libcurl easy handle with everything it points to, set up by the rules that hold for every connection of ours.
final class CurlEasy {
    let handle: UnsafeMutableRawPointer
    /// Where it goes, for messages.
    let address: Address
    private let network: NetworkOptions
    /// libcurl holds its address.
    private let gate: SocketGate
    private var headerList: UnsafeMutablePointer<curl_slist>?
    private let errorBuffer: UnsafeMutablePointer<CChar>

    init(url: Secret, address: Address, network: NetworkOptions, userAgent: String, share: CurlShare) {
        guard let handle = curl_easy_init() else { preconditionFailure("libcurl is out of memory") }
        self.handle = handle
        self.address = address
        self.network = network
        gate = SocketGate(rule: network.destination, unixSocket: network.unixSocket)
        errorBuffer = .allocate(capacity: Int(CURL_ERROR_SIZE))
        errorBuffer.initialize(repeating: 0, count: Int(CURL_ERROR_SIZE))

        set(CURLOPT_ERRORBUFFER, pointer: errorBuffer)
        set(CURLOPT_URL, url.exposed)
        set(CURLOPT_PROTOCOLS_STR, "http,https")
        set(CURLOPT_USERAGENT, userAgent)
        // Signals would hit any thread, and a slow name look-up would hold up the removal of the handle.
        set(CURLOPT_NOSIGNAL, 1)
        ccurl_easy_set_quick_exit(handle)
        // An upgrade needs 1.1; and polls that sleep for 40 s each would only share the fate of one connection in 2.
        set(CURLOPT_HTTP_VERSION, Int(CURL_HTTP_VERSION_1_1))
        set(CURLOPT_FOLLOWLOCATION, 0)
        set(CURLOPT_TCP_KEEPALIVE, 1)
        set(CURLOPT_TCP_KEEPIDLE, 60)
        set(CURLOPT_TCP_KEEPINTVL, 30)
        set(CURLOPT_CONNECTTIMEOUT_MS, network.connectTimeout.positiveMilliseconds)
        set(CURLOPT_SSLVERSION, Int(CURL_SSLVERSION_TLSv1_2))
        // With a CA directory set, every TLS connection would parse all authorities anew; a file is parsed once.
        set(CURLOPT_CAPATH, pointer: nil)
        set(CURLOPT_PROXY_CAPATH, pointer: nil)
        if let file = network.caFile {
            set(CURLOPT_CAINFO, file)
            set(CURLOPT_PROXY_CAINFO, file)
        }
        if !network.allowsProxy {
            set(CURLOPT_PROXY, "")
        } else if let proxy = network.proxy {
            set(CURLOPT_PROXY, proxy.exposed)
        } else if address.isThisMachine {
            // A proxy of the environment is for the world outside: for it, "localhost" would be another machine.
            set(CURLOPT_PROXY, "")
        }
        if let path = network.unixSocket { set(CURLOPT_UNIX_SOCKET_PATH, path) }
        gate.install(in: handle)
        set(CURLOPT_SHARE, pointer: share.handle)
        // Answers of this field are small, and thousands of handles stay open.
        set(CURLOPT_BUFFERSIZE, 16 * 1024)
    }

    deinit {
        curl_easy_cleanup(handle)
        curl_slist_free_all(headerList)
        errorBuffer.deallocate()
    }

    func set(_ option: CURLoption, _ value: Int) {
        _ = ccurl_easy_set_long(handle, option, value)
    }

    func set(_ option: CURLoption, _ value: String) {
        _ = ccurl_easy_set_string(handle, option, value)
    }

    func set(_ option: CURLoption, pointer: UnsafeRawPointer?) {
        _ = ccurl_easy_set_pointer(handle, option, pointer)
    }

    func set(_ option: CURLoption, callback: @escaping ccurl_data_callback) {
        _ = ccurl_easy_set_callback(handle, option, callback)
    }

    /// HTTP/2 if the server offers it in the TLS handshake. Requests wait for a connection that is being made rather than
    /// open another one: it may carry them all.
    func allowHTTP2() {
        guard address.isTLS else { return }
        set(CURLOPT_HTTP_VERSION, Int(CURL_HTTP_VERSION_2TLS))
        set(CURLOPT_PIPEWAIT, 1)
    }

    /// `call`, on the loop's thread, when a request is about to go out: the connection stands, TLS and a proxy's tunnel
    /// included. Again where a kept connection turns out to be dead and another one takes its place.
    func whenRequestGoesOut(_ call: @escaping () -> Void) {
        gate.requestGoesOut = call
    }

    func setHeaders(_ headers: [(name: String, value: String)]) {
        for (name, value) in headers {
            guard !name.isEmpty, name.utf8.allSatisfy(Self.isTokenByte) else { continue }
            let plain = value.utf8.map { $0 < 0x20 && $0 != 0x09 || $0 == 0x7F ? 0x20 : $0 }
            // libcurl's way to write a field without a value, where "name:" would remove one of its own.
            let isBlank = plain.allSatisfy { $0 == 0x20 || $0 == 0x09 }
            headerList = curl_slist_append(
                headerList, isBlank ? "\(name);" : "\(name): \(String(decoding: plain, as: UTF8.self))")
        }
        // libcurl's own: it would wait a second for a "100 Continue" that these servers do not send.
        headerList = curl_slist_append(headerList, "Expect:")
        set(CURLOPT_HTTPHEADER, pointer: headerList)
    }

    /// RFC 9110 5.6.2.
    private static func isTokenByte(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
        default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
        }
    }

    func long(_ info: CURLINFO) -> Int {
        var value = 0
        _ = ccurl_easy_get_long(handle, info, &value)
        return value
    }

    private func reached(_ info: CURLINFO) -> Bool {
        var microseconds: curl_off_t = 0
        _ = ccurl_easy_get_offset(handle, info, &microseconds)
        return microseconds > 0
    }

    /// What libcurl's result means for this transfer.
    func failure(_ result: CURLcode) -> TransportError {
        let isEncrypted = reached(CURLINFO_APPCONNECT_TIME_T)
        return CurlFailure(
            result: result, address: address,
            libraryMessage: String(cString: errorBuffer),
            certificateProblem: long(CURLINFO_SSL_VERIFYRESULT),
            proxyStatus: long(CURLINFO_HTTP_CONNECTCODE),
            isResolved: reached(CURLINFO_NAMELOOKUP_TIME_T),
            // The time of connecting is missing in libcurl 7.88 when TLS fails (curl issue 10670); the port is not.
            isConnected: reached(CURLINFO_CONNECT_TIME_T) || long(CURLINFO_PRIMARY_PORT) > 0,
            isEncrypted: isEncrypted,
            // A proxy's CONNECT counts as well, but stands before TLS. On a connection used before, TLS has no time.
            isRequestSent: long(CURLINFO_REQUEST_SIZE) > 0
                && (!address.isTLS || isEncrypted || reached(CURLINFO_PRETRANSFER_TIME_T)),
            status: long(CURLINFO_RESPONSE_CODE),
            systemError: Int32(truncatingIfNeeded: long(CURLINFO_OS_ERRNO)),
            network: network,
            refusal: gate.refusal
        ).error
    }
}

/// TLS sessions and name look-ups shared by all handles of a loop, so that a reconnect resumes its session.
final class CurlShare {
    let handle: UnsafeMutableRawPointer

    init() {
        CurlLibrary.initialise()
        guard let handle = curl_share_init() else { preconditionFailure("libcurl is out of memory") }
        self.handle = handle
        _ = ccurl_share_data(handle, CURL_LOCK_DATA_SSL_SESSION)
        _ = ccurl_share_data(handle, CURL_LOCK_DATA_DNS)
    }

    deinit {
        curl_share_cleanup(handle)
    }
}
