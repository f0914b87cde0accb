import Foundation

/// One figure: how many events a piece of code gets through in a second.
struct Measurement {
    var eventsPerSecond: Double
    var bytesPerSecond: Double

    /// Runs `round` for about a second in all, in three parts, and takes the median.
    ///
    /// - Parameters:
    ///   - events: handled by one round.
    ///   - bytes: handled by one round.
    ///   - round: returns how many events it saw, so that nothing is left out unnoticed.
    static func of(events: Int, bytes: Int, round: () throws -> Int) throws -> Measurement {
        let clock = ContinuousClock()
        var rates: [Double] = []
        _ = try round()
        for _ in 0..<3 {
            var rounds = 0
            let start = clock.now
            while clock.now - start < .milliseconds(300) {
                let seen = try round()
                guard seen == events else { throw WholePath.Failure(description: "\(seen) of \(events) events") }
                rounds += 1
            }
            rates.append(Double(rounds) / (clock.now - start).inSeconds)
        }
        let rate = rates.sorted()[1]
        return Measurement(eventsPerSecond: rate * Double(events), bytesPerSecond: rate * Double(bytes))
    }
}

/// Lines with aligned columns on standard output.
enum Report {
    /// Not buffered: a figure is seen when it is known, piped or not.
    static func line(_ text: String) {
        FileHandle.standardOutput.write(Data((text + "\n").utf8))
    }

    static func heading(_ text: String) {
        line("\n\(text)")
    }

    static func row(_ name: String, _ columns: [String]) {
        line("  " + name.padded(to: 44) + columns.map { $0.padded(to: 16, left: true) }.joined())
    }

    static func events(_ perSecond: Double) -> String {
        perSecond >= 1e6 ? "\(rounded(perSecond / 1e6, 2)) M/s" : "\(rounded(perSecond / 1e3, 1)) k/s"
    }

    static func megabytes(_ perSecond: Double) -> String { "\(rounded(perSecond / 1e6, 0)) MB/s" }

    static func rounded(_ value: Double, _ digits: Int) -> String {
        var scale = 1.0
        for _ in 0..<digits { scale *= 10 }
        let text = String((value * scale).rounded() / scale)
        return digits == 0 ? String(text.prefix { $0 != "." }) : text
    }

    /// A measured way, and what others do for the same, with the factor between them.
    static func compare(_ name: String, _ own: Measurement, usual: [(name: String, figure: Measurement)] = []) {
        row(name, [events(own.eventsPerSecond), megabytes(own.bytesPerSecond)])
        for (other, figure) in usual {
            let factor = own.eventsPerSecond / figure.eventsPerSecond
            row(
                "  " + other,
                [events(figure.eventsPerSecond), megabytes(figure.bytesPerSecond), "× \(rounded(factor, 1))"])
        }
    }
}

extension String {
    /// Blanks up to a width; longer text stays whole.
    func padded(to width: Int, left: Bool = false) -> String {
        let blanks = String(repeating: " ", count: max(0, width - count))
        return left ? blanks + self : self + blanks
    }
}
