public import Settings

/// The configuration file, read and checked.
public struct CheckedFile: Sendable {
    public var path: String
    /// Nil when there are problems.
    public var settings: Settings?
    /// One for each problem; one when there is none.
    public var findings: [Finding]

    public static func read(_ path: String) -> CheckedFile {
        let watch = Stopwatch()
        do throws(SettingsError) {
            let settings = try Settings.load(path: path)
            let counts = "\(count(settings.portals.count, "portal")), \(count(settings.sinks.count, "sink"))"
            return CheckedFile(
                path: path, settings: settings, findings: [.ok(.file, "\(path): \(counts)", took: watch.elapsed)])
        } catch {
            let findings = error.problems.map { problem in
                var place = problem
                place.cure = ""
                return Finding.failed(.file, .configuration, "\(place)", cure: problem.cure, took: watch.elapsed)
            }
            return CheckedFile(path: path, findings: findings)
        }
    }

    private static func count(_ number: Int, _ thing: String) -> String {
        number == 1 ? "1 \(thing)" : "\(number) \(thing)s"
    }
}
