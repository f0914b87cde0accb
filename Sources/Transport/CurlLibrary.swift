import CCurl

/// libcurl as a whole.
enum CurlLibrary {
    private static let isInitialised = curl_global_init(Int(CURL_GLOBAL_DEFAULT)) == CURLE_OK

    /// Before anything else of libcurl; further calls do nothing.
    static func initialise() {
        precondition(isInitialised, "libcurl cannot be initialised")
    }
}
