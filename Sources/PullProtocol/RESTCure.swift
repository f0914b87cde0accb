extension RESTError {
    /// For people: what to do about it.
    public var cure: String {
        switch code {
        case "expired_token": "Nothing: the access token is renewed."
        case "invalid_token": "If renewing the token does not help: authorise the application again."
        case "no_auth_found":
            "Check the access token or the webhook's address. A request that the portal cannot read has this error too."
        case "wrong_auth_type":
            "Use an OAuth application: a webhook cannot read an application's channels, nor the other way round."
        case "insufficient_scope", "invalid_scope": "Give the application the scope \"pull\", then authorise it again."
        case "invalid_credentials", "user_access_error", "access_denied":
            "Check the user's rights and the portal's tariff."
        case "authorize_error": "Use the webhook of a user who is no guest."
        case "application_not_found", "authorization_error": "Install the application on the portal again."
        case "connection_error": "Wait: the portal cannot reach its authorisation server."
        case "method_confirm_waiting": "An administrator of the portal has to confirm the call."
        case "method_confirm_denied": "An administrator of the portal has refused the call: talk to him."
        case "server_error":
            "Switch the push server on in the portal's Push and Pull settings, and check that the user is active."
        case "invalid_request": "Use an address that begins with https."
        case "error_method_not_found":
            "Check that the portal has the Push and Pull module, and that the address is right."
        case "query_limit_exceeded": "Make fewer requests from this address: all programs on it share one limit."
        case "operation_time_limit": "Wait: the method's time on this portal is used up."
        case "overload_limit": "The vendor's support has blocked the portal's REST: write to it."
        case "portal_deleted": "The portal is closed or deleted: ask its owner."
        case "invalid_grant": "Authorise the application again: the refresh token is expired, used or revoked."
        case "invalid_client": "Check client id and secret, and that the application is installed on this portal."
        case "payment_required": "The portal's trial or subscription is over: ask its owner."
        default: cureByStatus
        }
    }

    private var cureByStatus: String {
        switch status {
        case 300...399: "The portal has moved: check its address."
        case 404: "Check the portal's address."
        case 408, 429, 500...: "Wait: this passes by itself."
        case 200...299: "Check the portal's address and what stands before it."
        default: "Look the code up in the portal's REST documentation."
        }
    }
}
