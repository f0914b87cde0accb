/// The name a person most likely meant: the one that the fewest changed, missing, added or exchanged neighbouring
/// letters away from what he wrote (Damerau-Levenshtein, optimal string alignment). Nil when none is near enough: a
/// third of the letters, at least one.
func nearestName(to written: String, among names: [String]) -> String? {
    let limit = max(1, written.count / 3)
    if written.count > 64 { return nil }
    let distances = names.map { (name: $0, distance: editDistance(written.lowercased(), $0.lowercased())) }
    guard let best = distances.min(by: { $0.distance < $1.distance }), best.distance <= limit else { return nil }
    return best.name
}

private func editDistance(_ left: String, _ right: String) -> Int {
    let left = Array(left)
    let right = Array(right)
    var beforeLast: [Int] = []
    var last = Array(0...right.count)
    for row in left.indices {
        var current = [row + 1]
        for column in right.indices {
            let change = left[row] == right[column] ? 0 : 1
            var cost = min(last[column + 1] + 1, current[column] + 1, last[column] + change)
            if row > 0, column > 0, left[row] == right[column - 1], left[row - 1] == right[column] {
                cost = min(cost, beforeLast[column - 1] + 1)
            }
            current.append(cost)
        }
        beforeLast = last
        last = current
    }
    return last[right.count]
}
