// swift-tools-version: 6.2
import PackageDescription

// Modules and their arrows. An arrow only points to a module that stands above the line it is drawn from;
// Tests/LayeringTests reads the `import` lines and fails on any other.

let package = Package(
    name: "pulld",
    platforms: [.macOS(.v15)],
    products: [
        .executable(name: "pulld", targets: ["pulld"])
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
        .package(url: "https://github.com/swhitty/FlyingFox", from: "0.27.1"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
    ],
    targets: [
        // C libraries, one folder each.
        .target(name: "CCurl", linkerSettings: [.linkedLibrary("curl")]),
        .systemLibrary(name: "COpenSSL", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),
        .systemLibrary(name: "CMalloc"),
        .systemLibrary(name: "CSQLite", pkgConfig: "sqlite3", providers: [.apt(["libsqlite3-dev"])]),

        // Small shared things, each named by what is in it.
        .target(name: "Secrets", dependencies: ["COpenSSL"]),
        .target(name: "Addresses"),
        .target(name: "Timing"),
        .target(name: "JSONText"),
        .target(name: "Events"),

        // Pure rules: bytes in, values out.
        .target(name: "PullProtocol", dependencies: ["Addresses", "Secrets", "JSONText", "Events"]),
        .target(name: "WebSocket", dependencies: ["COpenSSL"]),

        // Sockets and the portal.
        .target(name: "Transport", dependencies: ["CCurl", "WebSocket", "Addresses", "Secrets"]),
        .target(
            name: "Portal", dependencies: ["Transport", "PullProtocol", "Addresses", "Secrets", "JSONText", "Timing"]),

        // One way through the house.
        .target(name: "Journal", dependencies: ["CSQLite", "Events", "Timing"]),
        .target(
            name: "Subscription",
            dependencies: [
                "Portal", "Transport", "WebSocket", "PullProtocol", "Journal", "Events", "JSONText", "Secrets",
                "Timing",
                .product(name: "Logging", package: "swift-log"),
            ]),
        .target(
            name: "Delivery",
            dependencies: [
                "Journal", "Transport", "Events", "JSONText", "Secrets", "Timing",
                .product(name: "Logging", package: "swift-log"),
            ]),
        .target(name: "Admin", dependencies: ["Addresses", "JSONText", "Timing"]),
        .target(name: "Settings", dependencies: ["Addresses", "Secrets", .product(name: "Yams", package: "Yams")]),
        .target(
            name: "Daemon",
            dependencies: [
                "Admin", "CMalloc", "Settings", "Subscription", "Delivery", "Journal", "Portal", "Transport",
                "PullProtocol", "Addresses", "Events", "Secrets", "Timing",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
            ]),
        .target(
            name: "History",
            dependencies: ["Admin", "Journal", "Delivery", "PullProtocol", "Events", "JSONText", "Timing"]),
        .target(
            name: "Checks",
            dependencies: [
                "Daemon", "Settings", "History", "Delivery", "Journal", "Portal", "Transport", "WebSocket",
                "PullProtocol", "Addresses", "Events", "JSONText", "Secrets", "Timing",
            ]),
        .target(
            name: "Sandbox",
            dependencies: [
                "PullProtocol", "Events", "JSONText", "Secrets",
                .product(name: "FlyingFox", package: "FlyingFox"),
            ]),
        .target(
            name: "Demo",
            dependencies: [
                "Daemon", "Sandbox", "Settings", "History", "Delivery", "Events", "JSONText", "Secrets",
                .product(name: "Logging", package: "swift-log"),
            ]),
        .executableTarget(
            name: "pulld",
            dependencies: [
                "Admin", "Daemon", "Checks", "Demo", "Sandbox", "Settings", "History", "Journal", "Delivery", "Portal",
                "Transport", "Addresses", "JSONText", "Secrets", "Timing",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
            ]),
        .executableTarget(
            name: "pulld-bench",
            dependencies: [
                "EndToEndSupport", "WebSocket", "PullProtocol", "Journal", "Delivery", "Transport", "Events", "Secrets",
                .product(name: "Logging", package: "swift-log"),
            ],
            path: "Benchmarks"),

        // Tests: one target a module, and the whole program from outside.
        .systemLibrary(name: "CWslay", path: "Tests/CWslay", providers: [.apt(["libwslay-dev"])]),
        .target(name: "TestRandom", path: "Tests/TestRandom"),
        .target(name: "EndToEndSupport", path: "Tests/EndToEndSupport"),
        .testTarget(name: "SecretsTests", dependencies: ["Secrets"]),
        .testTarget(name: "AddressesTests", dependencies: ["Addresses"]),
        .testTarget(name: "TimingTests", dependencies: ["Timing"]),
        .testTarget(name: "JSONTextTests", dependencies: ["TestRandom", "JSONText"]),
        .testTarget(
            name: "PullProtocolTests",
            dependencies: ["TestRandom", "PullProtocol", "Events", "JSONText", "Secrets", "COpenSSL"]),
        .testTarget(name: "WebSocketTests", dependencies: ["TestRandom", "WebSocket", "CWslay"]),
        .testTarget(
            name: "TransportTests",
            dependencies: ["EndToEndSupport", "TestRandom", "Transport", "CCurl", "WebSocket", "Secrets"]),
        .testTarget(
            name: "PortalTests",
            dependencies: ["Portal", "Transport", "PullProtocol", "Secrets", "JSONText", "Timing"]),
        .testTarget(name: "JournalTests", dependencies: ["TestRandom", "Journal", "CSQLite", "Events", "Timing"]),
        .testTarget(
            name: "DeliveryTests",
            dependencies: [
                "TestRandom", "Delivery", "Journal", "Transport", "Events", "JSONText", "Secrets", "Timing",
                .product(name: "Logging", package: "swift-log"),
            ]),
        .testTarget(
            name: "HistoryTests",
            dependencies: ["EndToEndSupport", "Admin", "History", "Journal", "Delivery", "Events", "Timing"]),
        .testTarget(
            name: "AdminTests", dependencies: ["EndToEndSupport", "Admin", "Addresses", "JSONText", "Timing"]),
        .testTarget(name: "SettingsTests", dependencies: ["EndToEndSupport", "Settings", "Secrets"]),
        .testTarget(
            name: "SubscriptionTests",
            dependencies: [
                "EndToEndSupport", "TestRandom", "Subscription", "Portal", "Transport", "WebSocket", "PullProtocol",
                "Journal", "Events", "JSONText", "Timing", "Secrets", .product(name: "Logging", package: "swift-log"),
            ]),
        .testTarget(
            name: "DaemonTests",
            dependencies: [
                "EndToEndSupport", "Daemon", "Settings", "Subscription", "Journal", "Transport", "Events", "Secrets",
                "Timing",
                .product(name: "Logging", package: "swift-log"),
            ]),
        .testTarget(
            name: "ChecksTests",
            dependencies: [
                "Checks", "Settings", "Portal", "Transport", "PullProtocol", "Journal", "Addresses", "Events",
                "Secrets",
            ]),
        .testTarget(name: "SandboxTests", dependencies: ["Sandbox", "PullProtocol", "Events", "JSONText", "Secrets"]),
        .testTarget(name: "LayeringTests"),
        .testTarget(name: "UnitFileTests", dependencies: ["EndToEndSupport"]),
        .testTarget(name: "EndToEndSupportTests", dependencies: ["EndToEndSupport"]),
        .testTarget(name: "CommandLineTests", dependencies: ["EndToEndSupport", "Demo", "Events", "pulld"]),
        .testTarget(name: "EndToEndTests", dependencies: ["EndToEndSupport", "pulld"]),
        .testTarget(name: "SoakTests", dependencies: ["EndToEndSupport", "TestRandom", "pulld"]),
    ],
    swiftLanguageModes: [.v6]
)
