import CCurl
import Secrets

@testable import Transport

/// Handles as the transport sets them up, run to their ends here, with name look-ups that give what the test wrote.
final class CurlStage {
    private let multi = curl_multi_init()
    private let share = CurlShare()

    deinit { curl_multi_cleanup(multi) }

    /// A GET; the answer's status, or the error.
    ///
    /// - Parameter addresses: what the URL's host leads to, in this order: `10.0.0.1,127.0.0.1`.
    func get(_ url: String, _ network: NetworkOptions, addresses: String, http2: Bool = false) -> Result<
        Int, TransportError
    > {
        guard let address = Address(Secret(url)) else { return .failure(.notAnAddress) }
        let easy = CurlEasy(
            url: Secret(url), address: address, network: network, userAgent: "pulld-test/1", share: share)
        if http2 { easy.allowHTTP2() }
        easy.set(CURLOPT_TIMEOUT_MS, 5000)
        easy.set(CURLOPT_NOBODY, 1)
        // The former answer is forgotten, so that the name leads elsewhere from now on.
        let forget = curl_slist_append(nil, "-\(address.host):\(address.port)")
        let names = curl_slist_append(forget, "+\(address.host):\(address.port):\(addresses)")
        defer { curl_slist_free_all(names) }
        easy.set(CURLOPT_RESOLVE, pointer: names)
        curl_multi_add_handle(multi, easy.handle)
        defer { curl_multi_remove_handle(multi, easy.handle) }
        var running: Int32 = 1
        while running > 0 {
            curl_multi_perform(multi, &running)
            if running > 0 { curl_multi_poll(multi, nil, 0, 100, nil) }
        }
        var left: Int32 = 0
        guard let message = curl_multi_info_read(multi, &left) else { return .failure(.cancelled) }
        let result = ccurl_message_result(message)
        return result == CURLE_OK ? .success(easy.long(CURLINFO_RESPONSE_CODE)) : .failure(easy.failure(result))
    }
}
