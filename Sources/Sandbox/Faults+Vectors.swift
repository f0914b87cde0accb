extension Faults {
    /// Config answers that portals really give.
    static let vectors: [String: RawAnswer] = [
        "C8": RawAnswer(
            status: 200,
            body: #"{"error":"SERVER_ERROR","error_description":"Push & Pull server is not configured"}"#),
        "C9-wrong-auth": RawAnswer(
            status: 403,
            body: #"{"error":"WRONG_AUTH_TYPE","error_description":"Application context required"}"#),
        "C9-expired": RawAnswer(
            status: 401,
            body: #"{"error":"expired_token","error_description":"The access token provided has expired."}"#),
        "C9-connection": RawAnswer(
            status: 401,
            body: #"{"error":"CONNECTION_ERROR","error_description":"Error connecting to authorization server"}"#),
        "C13-list": RawAnswer(status: 200, body: #"{"result":[]}"#),
        "C13-false": RawAnswer(status: 200, body: #"{"result":false}"#),
        "C13-null": RawAnswer(status: 200, body: #"{"result":null}"#),
        "C13-text": RawAnswer(status: 200, body: "<html><body>Bad gateway</body></html>"),
        "C15": RawAnswer(
            status: 401, body: #"{"error":{"code":"expired_token","message":"The access token provided has expired."}}"#
        ),
    ]
}
