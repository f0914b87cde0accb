import CCurl

/// A libcurl multi handle driven by the loop (`curl_multi_socket_action`). Confined to the loop's thread, which is checked:
/// a call from another one would not fail, but break something else later.
final class CurlMulti {
    private let handle: UnsafeMutableRawPointer
    private let loop: LoopThread
    private var sockets: Set<Int32> = []
    /// Easy handles in it.
    private(set) var count = 0
    /// When libcurl wants to be called, in nanoseconds of the monotonic clock.
    private(set) var deadline: Int64?

    init(loop: LoopThread) {
        CurlLibrary.initialise()
        guard let handle = curl_multi_init() else { preconditionFailure("libcurl is out of memory") }
        self.handle = handle
        self.loop = loop
        let context = Unmanaged.passUnretained(self).toOpaque()
        _ = ccurl_multi_set_pointer(handle, CURLMOPT_SOCKETDATA, context)
        _ = ccurl_multi_set_pointer(handle, CURLMOPT_TIMERDATA, context)
        _ = ccurl_multi_set_socket_callback(handle) { _, descriptor, what, context, _ in
            guard let context else { return 0 }
            Unmanaged<CurlMulti>.fromOpaque(context).takeUnretainedValue().watch(descriptor, what)
            return 0
        }
        _ = ccurl_multi_set_timer_callback(handle) { _, milliseconds, context in
            guard let context else { return 0 }
            let multi = Unmanaged<CurlMulti>.fromOpaque(context).takeUnretainedValue()
            multi.deadline = milliseconds < 0 ? nil : MonotonicTime.now() + Int64(milliseconds) * 1_000_000
            return 0
        }
    }

    deinit {
        curl_multi_cleanup(handle)
    }

    private func watch(_ descriptor: Int32, _ what: Int32) {
        switch what {
        case CURL_POLL_IN: loop.watch(descriptor, events: EPOLLIN.rawValue)
        case CURL_POLL_OUT: loop.watch(descriptor, events: EPOLLOUT.rawValue)
        case CURL_POLL_INOUT: loop.watch(descriptor, events: EPOLLIN.rawValue | EPOLLOUT.rawValue)
        default:
            sockets.remove(descriptor)
            loop.unwatch(descriptor)
            return
        }
        sockets.insert(descriptor)
    }

    func owns(_ descriptor: Int32) -> Bool { sockets.contains(descriptor) }

    func add(_ easy: CurlEasy) {
        loop.checkIsolated()
        curl_multi_add_handle(handle, easy.handle)
        count += 1
    }

    func remove(_ easy: CurlEasy) {
        loop.checkIsolated()
        curl_multi_remove_handle(handle, easy.handle)
        count -= 1
    }

    /// Connections kept open, those in use included; the one idle longest goes first.
    func limitConnections(_ number: Int) {
        _ = ccurl_multi_set_long(handle, CURLMOPT_MAXCONNECTS, number)
    }

    func ready(_ descriptor: Int32, events: UInt32) {
        loop.checkIsolated()
        var mask: Int32 = 0
        if events & EPOLLIN.rawValue != 0 { mask |= CURL_CSELECT_IN }
        if events & EPOLLOUT.rawValue != 0 { mask |= CURL_CSELECT_OUT }
        if events & (EPOLLERR.rawValue | EPOLLHUP.rawValue) != 0 { mask |= CURL_CSELECT_ERR }
        var running: Int32 = 0
        curl_multi_socket_action(handle, descriptor, mask, &running)
    }

    func fireTimer(now: Int64) {
        guard let due = deadline, due <= now else { return }
        deadline = nil
        var running: Int32 = 0
        curl_multi_socket_action(handle, CURL_SOCKET_TIMEOUT, 0, &running)
    }

    /// At the next turn of the loop, whenever libcurl wanted it.
    func fireTimerSoon() {
        loop.checkIsolated()
        deadline = 0
    }

    /// The next transfer that has ended, with libcurl's result.
    func nextEnded() -> (easy: UnsafeMutableRawPointer, result: CURLcode)? {
        loop.checkIsolated()
        var left: Int32 = 0
        while let message = curl_multi_info_read(handle, &left) {
            if message.pointee.msg == CURLMSG_DONE, let easy = message.pointee.easy_handle {
                return (easy, ccurl_message_result(message))
            }
        }
        return nil
    }
}
