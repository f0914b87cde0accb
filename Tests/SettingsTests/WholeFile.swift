import Foundation

/// A file with every key that there is, as a value that can be spoiled in each place. JSON is YAML, so it is written as that.
struct WholeFile {
    static let text = """
        {
          "state": "/var/lib/pulld",
          "portals": {
            "acme": {
              "url": "https://acme.bitrix24.com",
              "oauth": {
                "client_id": "local.1", "client_secret": { "credential": "a" }, "refresh_token": { "file": "/b" },
                "access_token": { "env": "C" }, "server": "https://oauth.example"
              },
              "channels": ["shared", "private"], "transport": "auto", "start": "now", "tls": { "ca_file": "/ca.pem" },
              "proxy": "http://proxy.example:3128", "refresh_margin": "10m", "audit": { "interval": "5m", "lag": "5m" },
              "max_backoff": "10m", "websocket_trial": "10m", "request_limit": { "burst": 40, "per_second": 1 },
              "json_rpc": false, "heartbeat": "5m"
            },
            "helpdesk": { "url": "http://localhost:8080", "webhook": { "credential": "w" }, "proxy": { "env": "P" } }
          },
          "sinks": {
            "app": {
              "webhook": {
                "url": "http://127.0.0.1:8080/x", "secret": [{ "credential": "s" }, { "env": "S" }],
                "headers": { "x-source": "pulld", "authorization": { "credential": "h" } }, "allow_remote": false,
                "tls": { "ca_file": "/ca.pem" }, "timeout": "30s", "format": "json",
                "batch": { "size": 100, "wait": "200ms" }, "ordered": true, "concurrency": 1,
                "retry": { "attempts": 6, "max_delay": "60s" }
              },
              "portals": ["acme"], "include": ["application/*"], "exclude": ["application/heartbeat"]
            },
            "log": { "file": { "path": "/log", "rotate": { "size": "100 MiB", "age": "7d", "keep": 10 } } },
            "terminal": { "stdout": {} }
          },
          "journal": { "keep": "1d", "size": "1 GiB" },
          "admin": { "listen": "127.0.0.1:9187" },
          "log": { "level": "info", "format": "auto" }
        }
        """

    let root: Any

    init() throws {
        root = try JSONSerialization.jsonObject(with: Data(Self.text.utf8))
    }

    enum Step: Hashable, CustomStringConvertible {
        case key(String)
        case index(Int)

        var description: String {
            switch self {
            case .key(let name): name
            case .index(let index): "\(index)"
            }
        }
    }

    /// Where a value is, from the root down.
    var places: [[Step]] { Self.places(of: root) }

    private static func places(of value: Any) -> [[Step]] {
        var result: [[Step]] = [[]]
        if let map = value as? [String: Any] {
            for key in map.keys.sorted() {
                result += places(of: map[key] ?? NSNull()).map { [.key(key)] + $0 }
            }
        } else if let list = value as? [Any] {
            for (index, element) in list.enumerated() { result += places(of: element).map { [.index(index)] + $0 } }
        }
        return result
    }

    func value(at place: [Step]) -> Any {
        place.reduce(root) { value, step in
            switch step {
            case .key(let name): (value as? [String: Any])?[name] ?? NSNull()
            case .index(let index): (value as? [Any])?[index] ?? NSNull()
            }
        }
    }

    /// The file with another value in a place, or without it.
    func text(with new: Any?, at place: [Step]) throws -> String {
        let changed = Self.changed(root, place[...], new) ?? NSNull()
        let data = try JSONSerialization.data(
            withJSONObject: changed, options: [.fragmentsAllowed, .sortedKeys, .withoutEscapingSlashes])
        return String(decoding: data, as: UTF8.self)
    }

    private static func changed(_ value: Any, _ place: ArraySlice<Step>, _ new: Any?) -> Any? {
        guard let step = place.first else { return new }
        switch step {
        case .key(let name):
            var map = value as? [String: Any] ?? [:]
            map[name] = changed(map[name] ?? NSNull(), place.dropFirst(), new)
            return map
        case .index(let index):
            var list = value as? [Any] ?? []
            if let element = changed(list[index], place.dropFirst(), new) {
                list[index] = element
            } else {
                list.remove(at: index)
            }
            return list
        }
    }
}
