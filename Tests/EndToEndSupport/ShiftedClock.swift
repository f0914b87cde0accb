import Foundation

/// Another time of day for a child process, as after a clock was set or after days without power: a library in front of
/// the C library's clock functions. Monotonic clocks are as they are.
public enum ShiftedClock {
    /// Made once, with the C compiler that comes with Swift.
    private static let library = Task {
        let directory = try ScratchDirectory()
        let source = try directory.write(
            """
            #define _GNU_SOURCE
            #include <dlfcn.h>
            #include <stdlib.h>
            #include <sys/time.h>
            #include <time.h>
            static long shift(void) {
                const char *text = getenv("PULLD_TEST_CLOCK_SHIFT");
                return text ? atol(text) : 0;
            }
            int clock_gettime(clockid_t clock, struct timespec *time) {
                static int (*next)(clockid_t, struct timespec *);
                if (!next) next = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
                int result = next(clock, time);
                if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) time->tv_sec += shift();
                return result;
            }
            int gettimeofday(struct timeval *restrict time, void *restrict zone) {
                (void)zone;
                struct timespec now;
                int result = clock_gettime(CLOCK_REALTIME, &now);
                time->tv_sec = now.tv_sec;
                time->tv_usec = now.tv_nsec / 1000;
                return result;
            }
            time_t time(time_t *place) {
                struct timespec now;
                clock_gettime(CLOCK_REALTIME, &now);
                if (place) *place = now.tv_sec;
                return now.tv_sec;
            }
            """, to: "clock.c")
        try await CommandLineTool.run(
            "clang", ["-shared", "-fPIC", "-O1", "-o", directory.file("clock.so"), source, "-ldl"])
        return directory
    }

    /// For the environment of a child that is to live so many seconds later, or earlier if negative.
    public static func environment(shift seconds: Int) async throws -> [String: String] {
        [
            "LD_PRELOAD": try await library.value.file("clock.so"),
            "PULLD_TEST_CLOCK_SHIFT": "\(seconds)",
        ]
    }
}
