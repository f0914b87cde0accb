import JSONText

/// The parameters of `pull.application.event.add`, checked by the portal's rules.
struct EventParameters: Sendable {
    struct Refusal: Error {
        var code: String
        var text: String
    }

    var module: String
    var command: String
    /// Raw JSON.
    var params: [UInt8]
    var owners: [ChannelOwner]

    static func parse(_ call: RESTRequest, user: Int) -> Result<EventParameters, Refusal> {
        guard let command = call["COMMAND"]?.lenientText, !command.isEmpty, command.utf8.allSatisfy(isCommandByte)
        else {
            return .failure(Refusal(code: "COMMAND_ERROR", text: "Command format error"))
        }
        let module = (call["MODULE_ID"]?.lenientText ?? "application").lowercased()
        guard !module.isEmpty, module.utf8.allSatisfy(isModuleByte) else {
            return .failure(Refusal(code: "MODULE_ID_ERROR", text: "Module ID format error"))
        }
        guard let params = params(call["PARAMS"]) else {
            return .failure(Refusal(code: "PARAMS_ERROR", text: "Params format error"))
        }
        guard let owners = owners(call["USER_ID"], caller: user) else {
            return .failure(
                Refusal(code: "USER_ID_ACCESS_ERROR", text: "You do not have access to send messages to these users"))
        }
        return .success(
            EventParameters(module: module, command: command, params: params, owners: owners))
    }

    /// A JSON string that holds an object is taken for the object.
    private static func params(_ value: JSONValue?) -> [UInt8]? {
        switch value {
        case nil, .null: return Array("[]".utf8)
        case .object(let members): return members.isEmpty ? Array("[]".utf8) : value?.serialized()
        case .array: return value?.serialized()
        case .string(let text):
            if text.isEmpty { return Array("[]".utf8) }
            guard let inner = JSONValue.parse(Array(text.utf8)), inner.object != nil || inner.array != nil else {
                return nil
            }
            return params(inner)
        case .number, .bool: return nil
        }
    }

    /// No user: the application's shared channel. User 1 is administrator; the others may name only themselves, and the
    /// portal compares strictly with a string.
    private static func owners(_ value: JSONValue?, caller: Int) -> [ChannelOwner]? {
        guard let value, !value.isNull, value != .string("") else { return [.applicationShared] }
        let named = value.array ?? [value]
        if caller != 1, named.contains(where: { $0 != .string(String(caller)) }) { return nil }
        var users: [Int] = []
        for name in named {
            guard let user = name.lenientInt else { return nil }
            if !users.contains(user) { users.append(user) }
        }
        return users.map { .applicationPrivate(user: $0) }
    }

    private static func isCommandByte(_ byte: UInt8) -> Bool {
        isLowerLetterOrDigit(byte) || byte >= 0x41 && byte <= 0x5A || Array("_:|.-".utf8).contains(byte)
    }

    private static func isModuleByte(_ byte: UInt8) -> Bool {
        isLowerLetterOrDigit(byte) || byte == UInt8(ascii: ".") || byte == UInt8(ascii: "_")
    }

    private static func isLowerLetterOrDigit(_ byte: UInt8) -> Bool {
        byte >= 0x61 && byte <= 0x7A || byte >= 0x30 && byte <= 0x39
    }
}
