import CCurl
public import Secrets

/// What came of connecting to a server and sending nothing.
public struct ConnectionProbe: Sendable {
    /// Nil: name, connection and, for a secure address, the TLS handshake with the server's certificate are good.
    public var error: TransportError?
    /// The IP address that was connected to: of the proxy where one is in between. Empty for a socket in the file system,
    /// and where it did not come that far.
    public var address = ""
    /// A proxy is in between.
    public var isProxied = false
    /// From the beginning to the end of each part; nil where it did not come that far or libcurl does not tell.
    public var lookup: Duration?
    public var connection: Duration?
    public var handshake: Duration?
    /// When the first certificate of the server's chain to end does so, Unix seconds; nil without TLS.
    public var certificateEnd: Int64?

    public init(error: TransportError? = nil) {
        self.error = error
    }
}

/// A probe under way. Confined to the loop's thread.
final class ProbeWork {
    let easy: CurlEasy
    let multi: CurlMulti
    private let waiter: CheckedContinuation<ConnectionProbe, Never>

    init(
        easy: CurlEasy, multi: CurlMulti, timeout: Duration, waiter: CheckedContinuation<ConnectionProbe, Never>
    ) {
        self.easy = easy
        self.multi = multi
        self.waiter = waiter
        easy.set(CURLOPT_CONNECT_ONLY, 1)
        easy.set(CURLOPT_HTTPPROXYTUNNEL, 1)
        easy.set(CURLOPT_FRESH_CONNECT, 1)
        easy.set(CURLOPT_CERTINFO, 1)
        easy.set(CURLOPT_TIMEOUT_MS, timeout.positiveMilliseconds)
    }

    /// Resumes the caller, once.
    func end(_ result: CURLcode) {
        var probe = easy.probe
        if result != CURLE_OK {
            probe.error = easy.failure(result)
            if probe.error?.stage == .proxy { probe.isProxied = true }
        }
        finish(probe)
    }

    func cancel() {
        finish(ConnectionProbe(error: .cancelled))
    }

    private func finish(_ probe: ConnectionProbe) {
        multi.remove(easy)
        waiter.resume(returning: probe)
    }
}

extension Transport {
    /// Connects, looks at the certificate, and hangs up: no byte of a request is sent.
    ///
    /// - Parameter url: http, https, ws or wss; only scheme, host and port count.
    public func probe(_ url: Secret, network: NetworkOptions, timeout: Duration) async -> ConnectionProbe {
        let identity = newIdentity()
        return await withTaskCancellationHandler {
            await withCheckedContinuation { waiter in begin(identity, url, network, timeout, waiter) }
        } onCancel: {
            cancelProbe(identity)
        }
    }

    private func begin(
        _ identity: UInt64, _ url: Secret, _ network: NetworkOptions, _ timeout: Duration,
        _ waiter: CheckedContinuation<ConnectionProbe, Never>
    ) {
        guard !isShutDown, !Task.isCancelled else {
            return waiter.resume(returning: ConnectionProbe(error: .cancelled))
        }
        guard let address = Address(url) else {
            return waiter.resume(returning: ConnectionProbe(error: .notAnAddress))
        }
        let easy = newEasy(address.httpURL ?? url, address, network)
        let work = ProbeWork(easy: easy, multi: roomyMulti(), timeout: timeout, waiter: waiter)
        probes[identity] = work
        work.multi.add(easy)
    }

    /// False when it is no probe's.
    func endProbe(_ handle: UnsafeMutableRawPointer, _ result: CURLcode) -> Bool {
        guard let (identity, work) = probes.first(where: { $0.value.easy.handle == handle }) else { return false }
        probes[identity] = nil
        work.end(result)
        return true
    }

    func cancelProbes() {
        for work in probes.values { work.cancel() }
        probes = [:]
    }
}

extension CurlEasy {
    fileprivate var probe: ConnectionProbe {
        var probe = ConnectionProbe()
        probe.address = text(CURLINFO_PRIMARY_IP)
        probe.isProxied = long(CURLINFO_HTTP_CONNECTCODE) != 0
        let lookedUp = time(CURLINFO_NAMELOOKUP_TIME_T)
        let connected = time(CURLINFO_CONNECT_TIME_T)
        probe.lookup = lookedUp
        if let lookedUp, let connected { probe.connection = connected - lookedUp }
        if let connected, let encrypted = time(CURLINFO_APPCONNECT_TIME_T) { probe.handshake = encrypted - connected }
        probe.certificateEnd = certificateEnds.min()
        return probe
    }

    private func text(_ info: CURLINFO) -> String {
        ccurl_easy_get_text(handle, info).map { String(cString: $0) } ?? ""
    }

    private func time(_ info: CURLINFO) -> Duration? {
        var microseconds: curl_off_t = 0
        _ = ccurl_easy_get_offset(handle, info, &microseconds)
        return microseconds > 0 ? .microseconds(microseconds) : nil
    }

    /// Of all certificates of the chain, Unix seconds (CURLINFO_CERTINFO(3): `Expire date:Nov 29 16:20:38 2026 GMT`).
    private var certificateEnds: [Int64] {
        guard let chain = ccurl_easy_get_certificates(handle)?.pointee, let lists = chain.certinfo else { return [] }
        var ends: [Int64] = []
        for index in 0..<Int(max(0, min(chain.num_of_certs, 100))) {
            var entry = lists[index]
            while let current = entry?.pointee {
                let line = current.data.map { String(cString: $0) } ?? ""
                let name = "Expire date:"
                if line.hasPrefix(name) {
                    let end = curl_getdate(String(line.dropFirst(name.count)), nil)
                    if end > 0 { ends.append(Int64(end)) }
                }
                entry = current.next
            }
        }
        return ends
    }
}
