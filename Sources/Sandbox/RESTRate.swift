/// How densely calls came.
struct RESTRate: Sendable {
    var calls = 0
    /// Most calls in any window of one second, and of ten.
    var highestInSecond = 0
    var highestInTenSeconds = 0
    /// Refused by the leaky bucket.
    var refused = 0
    /// Requests at the token endpoint, which count nowhere else.
    var tokenRequests = 0

    init(_ log: [RESTCall]) {
        let rest = log.filter { $0.method != "oauth" }
        let times = rest.map(\.time).sorted()
        calls = rest.count
        tokenRequests = log.count - rest.count
        refused = rest.count { $0.error == PortalREST.limitError }
        highestInSecond = Self.highest(times, window: 1)
        highestInTenSeconds = Self.highest(times, window: 10)
    }

    private static func highest(_ times: [Double], window: Double) -> Int {
        var first = 0
        var highest = 0
        for (index, time) in times.enumerated() {
            while times[first] <= time - window { first += 1 }
            highest = max(highest, index - first + 1)
        }
        return highest
    }
}
