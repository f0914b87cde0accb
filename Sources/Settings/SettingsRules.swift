extension SettingsNode {
    /// The whole file. Nil only after a problem; problems may have been noted all the same when it is not nil.
    func settings() -> Settings? {
        let keys = ["state", "portals", "sinks", "journal", "admin", "log"]
        guard let fields = fields(keys, example: "portals: and sinks:") else { return nil }
        let state = fields["state"]?.absolutePath()
        let journal = fields["journal"]?.journalSettings()
        let admin = fields["admin"]?.adminSettings()
        let log = fields["log"]?.logSettings()

        let portalsNode = fields.required("portals", example: "portals: { acme: { url: …, oauth: … } }")
        let portalNames = portalsNode?.node.mapping?.compactMap { $0.key.scalar?.string } ?? []
        let portals = portalsNode?.namedEntries("portal", "acme: { url: …, oauth: … }") { $0.portal(named: $1) }

        let sinksNode = fields.required("sinks", example: "sinks: { terminal: { stdout: {} } }")
        let sinks = sinksNode?.namedEntries("sink", "terminal: { stdout: {} }") { $0.sink(named: $1, portalNames) }
        sinksNode?.checkDistinctTargets(sinks ?? [])

        guard let portals, let sinks else { return nil }
        return Settings(
            state: state, portals: portals, sinks: sinks, journal: journal ?? JournalSettings(),
            admin: admin ?? .usual, log: log ?? LogSettings())
    }

    private func namedEntries<Value>(
        _ thing: String, _ example: String, _ read: (SettingsNode, _ name: String) -> Value?
    ) -> [Value]? {
        guard let entries = entries(example: example) else { return nil }
        if entries.isEmpty {
            problem("there is no \(thing)", cure: "write \(example)")
            return nil
        }
        return entries.compactMap { name, value in
            let checked = name.checkedName(of: thing)
            let read = read(value, checked ?? "")
            return checked == nil ? nil : read
        }
    }

    private func journalSettings() -> JournalSettings? {
        guard let fields = fields(["keep", "size"], example: "{ keep: 1d, size: 1 GiB }") else { return nil }
        var journal = JournalSettings()
        if let keep = fields["keep"]?.duration(in: .zero ... .seconds(31_536_000), said: "0s to 365d") {
            journal.keep = keep
        }
        if let size = fields["size"]?.size(in: (1 << 20)...(1 << 40), said: "1 MiB to 1 TiB") { journal.size = size }
        return journal
    }

    private func logSettings() -> LogSettings? {
        guard let fields = fields(["level", "format"], example: "{ level: info, format: auto }") else { return nil }
        var log = LogSettings()
        if let level = fields["level"]?.word(LogSettings.Level.self) { log.level = level }
        if let format = fields["format"]?.word(LogSettings.Format.self) { log.format = format }
        return log
    }

    // MARK: sinks

    private func sink(named name: String, _ portalNames: [String]) -> SinkSettings? {
        let kinds = ["file", "webhook", "stdout"]
        guard let fields = fields(kinds + ["portals", "include", "exclude"], example: "{ stdout: {} }") else {
            return nil
        }
        let present = kinds.compactMap { fields[$0] }
        let kind = present.first?.sinkKind(of: fields)
        if present.isEmpty {
            log.add(nameMark, key: key, "nothing says where to", cure: "write file:, webhook: or stdout:")
        }
        for extra in present.dropFirst() {
            extra.problem("a sink has one of file, webhook and stdout", cure: "make it a sink of its own")
        }
        let portals = fields["portals"]?.knownPortals(portalNames)
        let include = fields["include"]?.each { $0.glob() }
        let exclude = fields["exclude"]?.each { $0.glob() }
        guard let kind else { return nil }
        return SinkSettings(
            name: name, kind: kind, portals: portals, include: include ?? [], exclude: exclude ?? [])
    }

    private func sinkKind(of sink: SettingsFields) -> SinkSettings.Kind? {
        if let file = sink["file"] {
            guard let fields = file.fields(["path", "rotate"], example: "{ path: /PATH }") else { return nil }
            let rotation = fields["rotate"]?.rotation()
            return fields.required("path", example: "path: /PATH")?.absolutePath()
                .map { .file(path: $0, rotation: rotation) }
        }
        if let webhook = sink["webhook"] { return webhook.webhook().map(SinkSettings.Kind.webhook) }
        if let output = sink["stdout"] {
            return output.fields([], example: "stdout: {}").map { _ in .standardOutput }
        }
        return nil
    }

    private func rotation() -> RotationSettings? {
        let example = "{ size: 100 MiB, age: 1d, keep: 10 }"
        guard let fields = fields(["size", "age", "keep"], example: example) else { return nil }
        if fields["size"] == nil, fields["age"] == nil {
            problem("nothing says when", cure: "write size:, age: or both, such as \(example)")
            return nil
        }
        var rotation = RotationSettings()
        rotation.size = fields["size"]?.size(in: 4096...(1 << 40), said: "4 KiB to 1 TiB")
        rotation.age = fields["age"]?.duration(in: .seconds(60)...(.seconds(31_536_000)), said: "1m to 365d")
        if let keep = fields["keep"]?.wholeNumber(in: 1...1000) { rotation.keep = keep }
        return rotation
    }

    private func knownPortals(_ portalNames: [String]) -> Set<String>? {
        guard let list = list() else { return nil }
        if list.isEmpty {
            problem("no portal", cure: "name some, or leave the key out for all")
            return nil
        }
        let names = list.compactMap { element -> String? in
            guard let name = element.text() else { return nil }
            if portalNames.contains(name) { return name }
            let hint = nearestName(to: name, among: portalNames).map { "did you mean \($0)? " } ?? ""
            element.problem("\(quoted(name)) is no portal of this file", cure: "\(hint)portals names them")
            return nil
        }
        return Set(names)
    }

    /// Two writers into one place would tear each other's lines.
    private func checkDistinctTargets(_ sinks: [SinkSettings]) {
        var places: [String: String] = [:]
        for sink in sinks {
            let place: String
            switch sink.kind {
            case .file(let path, _): place = path
            case .standardOutput: place = "standard output"
            case .webhook: continue
            }
            guard let other = places.updateValue(sink.name, forKey: place) else { continue }
            let name = node.mapping?.first { $0.key.scalar?.string == sink.name }?.key
            log.add(
                name?.mark, key: "\(key).\(sink.name)", "writes to the same place as the sink \(other)",
                cure: "make them one sink, or name another file")
        }
    }
}
