import EndToEndSupport
import Foundation
import Testing

extension Soak {
    /// The last by the name of its file: it looks at what all the others have made the program say.
    @Suite struct WholeOutputTests {
        @Test("However the program dies and comes back, no output of it holds a secret")
        func wholeOutput() async throws {
            let collector = OutputCollector.shared
            let secrets = DaemonProcess.lineCount(of: collector.directory + "/secrets")
            guard secrets > 0 else { return }
            let search = try await CommandLineTool.result(
                of: "grep",
                ["-r", "-l", "-F", "-f", collector.directory + "/secrets", collector.directory + "/output"],
                within: .seconds(600))
            #expect(search.code == 1, "grep ended with \(search.code): \(search.output)")
            figure("secrets \(secrets), leaks in \(search.output.split(separator: "\n").count) outputs")
        }
    }
}
