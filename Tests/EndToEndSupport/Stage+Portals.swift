extension Stage {
    /// For a daemon with several portals: `p0`, `p1` and so on, each of them a user of the sandbox with a private channel
    /// of its own, and with what the push server still holds.
    ///
    /// - Parameter sinks: YAML lines below `sinks:`.
    public func recipe(
        portals count: Int, sinks: [String], environment: [String: String] = [:]
    ) async throws -> DaemonRecipe {
        var environment = environment
        var portals = ""
        for (index, token) in try await sandbox.accessTokens().prefix(count).enumerated() {
            environment["TOKEN_\(index)"] = token
            portals += """
                  p\(index):
                    url: \(url)
                    oauth: { access_token: { env: TOKEN_\(index) } }
                    transport: websocket
                    start: retained

                """
        }
        let configuration = """
            portals:
            \(portals)
            sinks:
            \(sinks.map { "  \($0)" }.joined(separator: "\n"))
            log: { level: info, format: json }
            """
        return DaemonRecipe(configuration: configuration, environment: environment)
    }
}
