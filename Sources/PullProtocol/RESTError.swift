public import JSONText
import Secrets

/// An error that a portal or an authorisation server answered with.
public struct RESTError: Error, Sendable, Hashable {
    /// In lower case: `expired_token`. For answers without a code of their own: `not_json`, `http_STATUS`,
    /// `incomplete_answer`.
    public var code: String
    /// The server's own words, shortened and without secrets. May be empty.
    public var explanation: String
    /// The HTTP status it came with; errors come with 200, too.
    public var status: Int

    public init(code: String, explanation: String = "", status: Int) {
        self.code = Self.clean(code)
        self.explanation = Redaction.text(explanation, limit: 300)
        self.status = status
    }

    /// Codes are words. Whatever else stands there is not passed on.
    private static func clean(_ code: String) -> String {
        let bytes = code.lowercased().utf8.prefix(64)
        let isWord = bytes.allSatisfy { byte in
            byte &- 0x61 < 26 || byte &- 0x30 <= 9 || byte == 0x5F || byte == 0x2D || byte == 0x2E
        }
        return isWord && !bytes.isEmpty ? String(decoding: bytes, as: UTF8.self) : "unknown"
    }
}

extension RESTError: CustomStringConvertible {
    public var description: String {
        explanation.isEmpty ? "\(code) (HTTP \(status))" : "\(code): \(explanation) (HTTP \(status))"
    }
}

/// The answer to a REST call.
public enum RESTAnswer {
    /// The whole answer, `{"result": …, "time": …}`, or the error in it. Errors are looked for before the status is:
    /// they come with 200 as well. What is no JSON is the answer of something between us and the portal.
    public static func decode(status: Int, body: [UInt8]) -> Result<JSONValue, RESTError> {
        guard let answer = JSONValue.parse(body), answer.object != nil || answer.array != nil else {
            return .failure(notJSON(status: status))
        }
        if let error = error(in: answer, status: status) { return .failure(error) }
        guard 200...299 ~= status else {
            return .failure(RESTError(code: "http_\(status)", status: status))
        }
        return .success(answer)
    }

    /// Both forms: `{"error": CODE, "error_description": TEXT}` and `{"error": {"code": …, "message": …}}`.
    static func error(in answer: JSONValue, status: Int) -> RESTError? {
        guard let member = answer["error"] else { return nil }
        if member.object != nil {
            return RESTError(
                code: member["code"]?.lenientText() ?? "unknown", explanation: member["message"]?.string ?? "",
                status: status)
        }
        guard let code = member.lenientText(), code != "0" else { return nil }
        return RESTError(code: code, explanation: answer["error_description"]?.string ?? "", status: status)
    }

    /// A page of a proxy, a cut body.
    static func notJSON(status: Int) -> RESTError {
        200...299 ~= status
            ? RESTError(code: "not_json", explanation: "the answer is not JSON", status: status)
            : RESTError(code: "http_\(status)", explanation: "the answer is not JSON", status: status)
    }
}
