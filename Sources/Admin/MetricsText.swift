/// Builds Prometheus' text exposition format, version 0.0.4:
///
/// ```
/// # HELP pulld_sink_pending_events Events that …
/// # TYPE pulld_sink_pending_events gauge
/// pulld_sink_pending_events{sink="log"} 12
/// ```
///
/// Format: prometheus.io/docs/instrumenting/exposition_formats. Names and units: prometheus.io/docs/practices/naming.
struct MetricsText {
    static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    enum Kind: String {
        case counter, gauge
    }

    /// A number, written without loss.
    enum Value {
        case count(UInt64)
        case number(Double)

        /// 1 or 0.
        static func truth(_ value: Bool) -> Value { .count(value ? 1 : 0) }

        /// Unix seconds; 0: never.
        static func moment(_ value: Double?) -> Value { .number(value ?? 0) }

        var text: String {
            switch self {
            case .count(let count): "\(count)"
            case .number(let number) where number.isNaN: "NaN"
            case .number(let number) where number.isInfinite: number < 0 ? "-Inf" : "+Inf"
            // Moments to the millisecond: the shortest text of a Double can have many more digits than the clock.
            case .number(let number) where abs(number) >= 1 && abs(number) < 1e12:
                "\((number * 1000).rounded() / 1000)"
            case .number(let number): "\(number)"
            }
        }
    }

    typealias Labels = [(name: String, value: String)]

    private(set) var text = ""

    /// A family without samples is left out.
    mutating func add(_ kind: Kind, _ name: String, _ help: String, _ samples: [(labels: Labels, value: Value)]) {
        if samples.isEmpty { return }
        text += "# HELP \(name) \(Self.escaped(help, quotes: false))\n# TYPE \(name) \(kind.rawValue)\n"
        for sample in samples {
            text += name
            if !sample.labels.isEmpty {
                let labels = sample.labels.map { "\($0.name)=\"\(Self.escaped($0.value, quotes: true))\"" }
                text += "{\(labels.joined(separator: ","))}"
            }
            text += " \(sample.value.text)\n"
        }
    }

    mutating func add(_ kind: Kind, _ name: String, _ help: String, _ value: Value) {
        add(kind, name, help, [([], value)])
    }

    private static func escaped(_ text: String, quotes: Bool) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\"" where quotes: result += "\\\""
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }
}
