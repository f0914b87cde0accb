import Delivery
public import Events

/// Prints the events as the lines of a file sink.
public struct LineTarget: ReplayTarget {
    private let output: TextOutput

    public init(_ output: TextOutput = .standard) {
        self.output = output
    }

    public func send(_ index: Int, of batch: EventBatch) async -> ReplayVerdict {
        var buffer = OutputBuffer(capacity: 4096)
        EventLine(batch).append(index..<index + 1, to: &buffer)
        do throws(OutputFailure) {
            try buffer.withUnsafeBytes { (bytes) throws(OutputFailure) in try output.write(bytes) }
            return .taken
        } catch {
            return .broken(error)
        }
    }
}
