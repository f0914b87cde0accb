import Events

extension UnitBytes {
    /// Newer servers split a message's parameters into `params`, `user_params` and `dictionary`; the official client puts
    /// them together in this order, the later member replacing the earlier of its name. The result stands in the appendix,
    /// made of the sender's own bytes.
    ///
    /// What is no object cannot be merged; `hasOtherMembers` then says that `params` is not all.
    @inline(never)
    func mergeParams(
        _ event: inout Event, with others: [ByteRange], to decoded: inout DecodedUnit
    ) {
        guard event.shape == .object else { return }
        let additions = others.filter { !$0.isEmpty && !isEmptyList($0) }
        guard !additions.isEmpty else { return }
        let all = (event.params.isEmpty || isEmptyList(event.params) ? [] : [event.params]) + additions
        guard all.allSatisfy({ byte(local($0).lowerBound) == UInt8(ascii: "{") }) else {
            event.hasOtherMembers = true
            return
        }
        var members: [(key: [UInt8], value: Range<Int>)] = []
        var places: [[UInt8]: Int] = [:]
        for object in all {
            readMembers(of: local(object)) { key, value in
                let key = [UInt8](buffer(key))
                if let place = places[key] {
                    members[place].value = value
                } else {
                    places[key] = members.count
                    members.append((key, value))
                }
            }
        }
        let offset = decoded.appendixOffset ?? base + count
        decoded.appendixOffset = offset
        let begin = offset + decoded.appendix.count
        decoded.appendix.append(UInt8(ascii: "{"))
        for (index, member) in members.enumerated() {
            if index > 0 { decoded.appendix.append(UInt8(ascii: ",")) }
            decoded.appendix.append(UInt8(ascii: "\""))
            decoded.appendix.append(contentsOf: member.key)
            decoded.appendix.append(contentsOf: "\":".utf8)
            decoded.appendix.append(contentsOf: buffer(member.value))
        }
        decoded.appendix.append(UInt8(ascii: "}"))
        event.params = ByteRange(begin..<offset + decoded.appendix.count)
    }

    /// PHP writes an empty object as `[]`.
    private func isEmptyList(_ value: ByteRange) -> Bool {
        let inner = local(value)
        guard byte(inner.lowerBound) == UInt8(ascii: "[") else { return false }
        return afterWhitespace(inner.lowerBound + 1) == inner.upperBound - 1
    }
}
