/// Why a configuration cannot be used, or no connection can be made from it.
public struct ConfigurationError: Error, Sendable, Hashable {
    public enum Code: Sendable, Hashable {
        /// Real time is switched off on the portal.
        case disabled
        /// Nothing to subscribe to.
        case noChannels
        /// An id that cannot stand in a connection URL.
        case badChannelID
        /// The push server is a shared one, and the configuration does not say who we are.
        case missingClientID
        /// The body is no JSON: a page of a proxy, a cut answer.
        case notJSON
        /// JSON, but not of the documented shape.
        case unexpectedShape
        /// The portal answered with an error.
        case rest(RESTError)
        /// Only plain `ws` or `http` addresses.
        case insecureURL
        /// No address, or none that can be understood.
        case noURL
    }

    public var code: Code
    /// For people: what is wrong. Without secrets.
    public var message: String
    /// For people: what to do about it.
    public var cure: String
    /// Seconds until asking again makes sense; nil: on the schedule of REST failures, or by `RESTPolicy` for `.rest`.
    public var retryAfter: Double?

    init(_ code: Code, _ message: String, cure: String, retryAfter: Double? = nil) {
        self.code = code
        self.message = message
        self.cure = cure
        self.retryAfter = retryAfter
    }
}

extension ConfigurationError: CustomStringConvertible {
    public var description: String { "\(message) \(cure)" }
}

extension ConfigurationError {
    static let disabled = ConfigurationError(
        .disabled, "The portal's push server is switched off.",
        cure: "Switch it on in the settings of the portal's Push and Pull module.", retryAfter: 600)

    static let noChannels = ConfigurationError(
        .noChannels, "The portal's configuration names no channel.",
        cure: "Check that the application is installed and that its user is active.", retryAfter: 60)

    static let badChannelID = ConfigurationError(
        .badChannelID, "The portal's configuration holds a channel id that no push server would take.",
        cure: "Check the signature key in the settings of the portal's Push and Pull module.", retryAfter: 600)

    static let missingClientID = ConfigurationError(
        .missingClientID, "The portal uses a shared push server but its configuration has no client id.",
        cure: "Register the portal at the push server again in the settings of its Push and Pull module.",
        retryAfter: 600)

    static let notJSON = ConfigurationError(
        .notJSON, "The answer is not JSON.", cure: "Check the portal's address and what stands before it.")

    static let unexpectedShape = ConfigurationError(
        .unexpectedShape, "The answer is JSON but holds no push configuration.",
        cure: "Check the portal's address and the version of its Push and Pull module.", retryAfter: 60)

    static let insecureURL = ConfigurationError(
        .insecureURL, "The portal names plain ws/http addresses only for its push server.",
        cure: "Set up secure addresses in the settings of the portal's Push and Pull module.", retryAfter: 600)

    static let noURL = ConfigurationError(
        .noURL, "The portal names no usable address of its push server.",
        cure: "Check the addresses in the settings of the portal's Push and Pull module.", retryAfter: 600)

    static func rest(_ error: RESTError) -> ConfigurationError {
        ConfigurationError(.rest(error), "The portal answered with an error: \(error.description).", cure: error.cure)
    }
}
