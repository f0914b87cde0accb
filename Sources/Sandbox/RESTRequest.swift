import JSONText

/// A REST call taken apart: `/rest/METHOD.json` with a token, or `/rest/USER/CODE/METHOD.json` with a webhook's code.
struct RESTRequest: Sendable {
    enum Credential: Sendable {
        case none
        case token(String)
        case webhook(user: String, code: String)
    }

    /// Lower case, without `.json`.
    var method: String
    var credential: Credential
    private var parameters: [(key: String, value: JSONValue)]

    /// Nil if the path has neither form.
    init?(_ request: WebRequest) {
        var parts = request.path.split(separator: "/").map(String.init)
        guard parts.count == 2 || parts.count == 4, parts.removeFirst() == "rest" else { return nil }
        var name = parts.removeLast().lowercased()
        if name.hasSuffix(".json") { name.removeLast(5) }
        method = name
        parameters = Self.fields(request.query)
        if request.headers["content-type"]?.lowercased().contains("json") == true {
            parameters += request.json.object ?? []
        } else {
            parameters += Self.fields(request.form)
        }
        credential = .none
        if parts.count == 2 {
            credential = .webhook(user: parts[0], code: parts[1])
        } else if let token = (self["auth"] ?? self["access_token"])?.lenientText {
            credential = .token(token)
        } else if let header = request.headers["authorization"], header.lowercased().hasPrefix("bearer ") {
            credential = .token(String(header.dropFirst(7)))
        }
    }

    /// Names count without regard to case; the body wins over the query.
    subscript(name: String) -> JSONValue? {
        parameters.last { $0.key.lowercased() == name.lowercased() }?.value
    }

    /// Form fields; `NAME[key]=value` makes an object, `NAME[]=value` a list.
    private static func fields(_ form: FormFields) -> [(key: String, value: JSONValue)] {
        var result: [(key: String, value: JSONValue)] = []
        for (name, value) in form.fields {
            guard let bracket = name.firstIndex(of: "["), name.hasSuffix("]") else {
                result.append((name, .string(value)))
                continue
            }
            let key = String(name[..<bracket])
            let inner = String(name[name.index(after: bracket)...].dropLast())
            let place = result.firstIndex { $0.key == key }
            let old = place.map { result.remove(at: $0).value }
            if inner.isEmpty {
                result.append((key, .array((old?.array ?? []) + [.string(value)])))
            } else {
                result.append((key, .object((old?.object ?? []) + [(inner, .string(value))])))
            }
        }
        return result
    }
}
