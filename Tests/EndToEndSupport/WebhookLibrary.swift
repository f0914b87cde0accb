import Foundation

/// Python's `standardwebhooks`, by the authors of the specification: an opinion on signatures that owes nothing to the
/// program's own code.
public enum WebhookLibrary {
    /// The interpreter that has it.
    ///
    /// - Throws: when it is not there. A test without it would say nothing.
    public static func interpreter() throws -> String {
        let path = Repository.path(".build/python/bin/python3")
        guard FileManager.default.isExecutableFile(atPath: path) else {
            throw CommandLineTool.Failure(
                description:
                    "\(path) with the library standardwebhooks is missing: run .ci/python.sh, as make test does")
        }
        return path
    }

    /// What the library says of requests, one after the other: `verified`, or why not.
    ///
    /// - Parameter clockShift: so many seconds later by the library's clock, or earlier if negative.
    public static func verdicts(
        on requests: [WebhookReceiver.Request], key: String, clockShift: Int = 0
    ) async throws -> [String] {
        let script = """
            import base64, json, os, sys
            from standardwebhooks import Webhook, WebhookVerificationError
            webhook = Webhook(os.environ['KEY'])
            for line in open(sys.argv[1]):
                request = json.loads(line)
                try:
                    webhook.verify(base64.b64decode(request['body']), request['headers'])
                    print('verified')
                except WebhookVerificationError as error:
                    print(error)
            """
        let directory = try ScratchDirectory()
        let lines = try requests.map { request in
            let object: [String: Any] = ["headers": request.headers, "body": request.body.base64EncodedString()]
            return String(decoding: try JSONSerialization.data(withJSONObject: object), as: UTF8.self) + "\n"
        }
        let file = try directory.write(lines.joined(), to: "requests")
        let shift = clockShift == 0 ? [:] : try await ShiftedClock.environment(shift: clockShift)
        let environment = ChildProcess.bareEnvironment.merging(shift.merging(["KEY": key]) { $1 }) { $1 }
        let process = try ChildProcess(interpreter(), ["-c", script, file], environment: environment)
        let exit = try await process.exit(within: .seconds(60))
        let verdicts = process.output.split(separator: "\n").map(String.init)
        guard exit.code == 0, verdicts.count == requests.count else {
            throw CommandLineTool.Failure(description: "standardwebhooks: \(exit)\n\(process.errorOutput)")
        }
        return verdicts
    }
}
