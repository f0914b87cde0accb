import TestRandom

/// Makes units of envelopes, with and without faults.
struct UnitGenerator {
    var random: SeededRandom

    static let bodies = [
        "1", "null", #""s""#, "[]", #"{"command":"c","params":{"a":[1,2]}}"#, ##"{"s":"#!NGINXNME!##!NGINXNMS!#"}"##,
        #"{"a":"\"}\\"}"#,
        "message", "", #"he said "hi"#, #"{"a":1"#, "1}", "\"a\nb\"", #"{"mid":"17000000000000000000000099"}"#,
        "#!NGINXNMS!#",
        ##"1}#!NGINXNME!##!NGINXNMS!#{"text":2"##, "[[[[", "Ж", #""Ж😀""#, #"1,"text":2"#,
        #"{"user_params":{"x":1},"command":"c"}"#,
    ]
    static let separators = ["", "", "", " ", "\n", "\r\n", "xx", "#!NGINX", "}", "#!NGINXNME!#", "\n\n#"]

    init(seed: UInt64) {
        random = SeededRandom(seed: seed)
    }

    mutating func unit(of count: Int) -> [UInt8] {
        var text = ""
        for _ in 0..<count {
            let mid = "1700000000" + String(1_000_000_000_000_000 + random.below(1_000_000))
            text += random.pick(Self.separators)
            switch random.below(12) {
            case 0: text += "#!NGINXNMS!#[1]#!NGINXNME!#"
            case 1: text += "#!NGINXNMS!# { \"tag\" : \"1\", \"text\" : \(random.pick(Self.bodies)) } #!NGINXNME!#"
            case 2: text += String(MessageFixtures.envelope(mid, random.pick(Self.bodies)).dropLast(random.below(30)))
            case 3: text += "#!NGINXNMS!#{}#!NGINXNME!#"
            default: text += MessageFixtures.envelope(mid, random.pick(Self.bodies))
            }
        }
        return Array((text + random.pick(Self.separators)).utf8)
    }

    /// Some bytes changed, added, taken out, moved, or the end cut off.
    mutating func spoil(_ unit: [UInt8]) -> [UInt8] {
        var result = unit
        for _ in 0...random.below(4) where !result.isEmpty {
            let at = random.below(result.count)
            let byte =
                random.below(3) == 0
                ? UInt8(truncatingIfNeeded: random.next()) : random.pick(Array("{}[]\",:\\#! 0a\n".utf8))
            switch random.below(6) {
            case 0: result[at] = byte
            case 1: result.insert(byte, at: at)
            case 2: result.remove(at: at)
            case 3: result.removeSubrange(at..<min(result.count, at + random.below(40)))
            case 4:
                result.insert(
                    contentsOf: result[at..<min(result.count, at + random.below(200))], at: random.below(result.count))
            default: if random.below(5) == 0 { result.removeSubrange(at...) }
            }
        }
        return result
    }
}
