import JSONText

/// Names and values of a query or form, in order (application/x-www-form-urlencoded: `+` is a blank).
struct FormFields: Sendable {
    private(set) var fields: [(name: String, value: String)] = []

    init(_ encoded: some StringProtocol) {
        for part in encoded.utf8.split(separator: UInt8(ascii: "&")) {
            let sides = part.split(separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
            fields.append((Self.decode(sides[0]), sides.count > 1 ? Self.decode(sides[1]) : ""))
        }
    }

    /// The value of the only field of this name. Push servers see a repeated parameter as a list and ignore it.
    func single(_ name: String) -> String? {
        let values = fields.filter { $0.name == name }
        return values.count == 1 ? values[0].value : nil
    }

    /// A value as it stands in a query.
    static func encode(_ value: String) -> String {
        value.utf8.map { byte in
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F, 0x7E:
                return String(UnicodeScalar(byte))
            default:
                let digits = String(byte, radix: 16, uppercase: true)
                return digits.count < 2 ? "%0" + digits : "%" + digits
            }
        }.joined()
    }

    private static func decode(_ bytes: some Collection<UInt8>) -> String {
        var decoded: [UInt8] = []
        var rest = bytes[...]
        while let byte = rest.popFirst() {
            let pair = rest.prefix(2)
            if byte == UInt8(ascii: "%"), pair.count == 2,
                let value = UInt8(String(decoding: pair, as: UTF8.self), radix: 16)
            {
                decoded.append(value)
                rest = rest.dropFirst(2)
            } else {
                decoded.append(byte == UInt8(ascii: "+") ? UInt8(ascii: " ") : byte)
            }
        }
        return String(decoding: decoded, as: UTF8.self)
    }
}

/// A request as the portal's and the push server's rules see it.
struct WebRequest: Sendable {
    var method: String
    /// Percent-encoded, without the query.
    var path: String
    var query: FormFields
    /// Names in lower case.
    var headers: [String: String]
    var body: [UInt8]
    /// It came from this machine and through no proxy.
    var isLocal: Bool
    /// The client's port; nil where it is not known.
    var peerPort: UInt16?

    /// The body as JSON; an empty object if there is none or it is not JSON.
    var json: JSONValue { JSONValue.parse(body) ?? .object([]) }

    var form: FormFields { FormFields(String(decoding: body, as: UTF8.self)) }
}

/// What a request is answered with.
enum WebReply: Sendable {
    case response(status: Int, headers: [(name: String, value: String)], body: [UInt8])
    /// The TCP connection ends without a byte of an answer.
    case cut
    /// The connection becomes a WebSocket.
    case upgrade(PushSubscription)

    static func json(_ value: JSONValue, status: Int = 200) -> WebReply {
        let type = [(name: "Content-Type", value: "application/json; charset=utf-8")]
        return .response(status: status, headers: type, body: value.serialized())
    }

    static func text(_ text: String, status: Int) -> WebReply {
        .response(status: status, headers: [("Content-Type", "text/plain")], body: Array(text.utf8))
    }

    var status: Int {
        switch self {
        case .response(let status, _, _): status
        case .cut: 0
        case .upgrade: 101
        }
    }
}

extension JSONValue {
    static func integer(_ number: some BinaryInteger) -> JSONValue { .number(String(number)) }
    static func decimal(_ number: Double) -> JSONValue { .number(String(number)) }

    /// Text and numbers alike.
    var lenientText: String? {
        switch self {
        case .string(let text), .number(let text): text
        case .object, .array, .bool, .null: nil
        }
    }

    var lenientDouble: Double? { lenientText.flatMap { Double($0) } }
}
