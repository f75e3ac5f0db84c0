/* Everything that can be set, one row each. TIDE_<NAME> in the environment sets option <name>.
 *
 * TIDE_OPTIONS(X) calls X(ID, name, unit, default, min, max, meaning) for each option that is a
 * number, in order; TIDE_TEXT_OPTIONS(X) calls X(ID, name, form, meaning) for each that is a text.
 * The code, what programs print with --help, the manual page and README's table come from these
 * rows.
 */
#ifndef TIDE_OPTIONS_PUBLIC_H
#define TIDE_OPTIONS_PUBLIC_H

/* The level of checking that a build starts with; the checked build has 2. */
#ifndef TIDE_CHECK_LEVEL
#define TIDE_CHECK_LEVEL 0
#endif

#define TIDE_OPTIONS(X)                                                                            \
	X(GC, "gc", "way", 1, 0, 2,                                                                \
	  "start the GC thread: 0 never, 1 when a second thread allocates, 2 at once")             \
	X(FATAL, "fatal", "switch", 1, 0, 1,                                                       \
	  "abort on a bad free; 0: report it and leak the block")                                  \
	X(CHECK, "check", "levels", TIDE_CHECK_LEVEL, 0, 2,                                        \
	  "1: check every malloc and free at once instead of when the block leaves the bins "      \
	  "(slow);"                                                                                \
	  " 2: also find writes past a block and after its free (slower, 16 bytes more a block)")  \
	X(GUARD_EVERY, "guard_every", "misses", 0, 0, 1000000000,                                  \
	  "one in so many calls that miss the bins gets a block between guard pages; 0: none")     \
	X(ZERO, "zero", "switch", 0, 0, 1, "the GC fills freed blocks with zeros")                 \
	X(QUEUE_BLOCKS, "queue_blocks", "blocks", 256, 0, 65536, "first level of a ready queue")   \
	X(QUEUE_FIRST_BYTES, "queue_first_bytes", "bytes", 64 << 10, 0, 1 << 30,                   \
	  "the first level of a ready queue is no more than this")                                 \
	X(QUEUE_MAX_BYTES, "queue_max_bytes", "bytes", 64 << 20, 0, 1 << 30,                       \
	  "highest level of a ready queue of blocks up to 8k, and what a thread keeps of a size; " \
	  "of longer ones at most 1m")                                                             \
	X(QUEUE_GROW_BINS, "queue_grow_bins", "bins", 4, 0, 1024,                                  \
	  "a ready queue grows by so many bins each time it is found empty")                       \
	X(QUEUE_FULL_COUNT, "queue_full_count", "visits", 8, 1, 1000000,                           \
	  "a ready queue found full in more visits than this gives a part back")                   \
	X(QUEUE_RECLAIM_PERCENT, "queue_reclaim_percent", "percent", 25, 1, 100,                   \
	  "the part of a full ready queue that is taken back")                                     \
	X(BIN_BLOCKS, "bin_blocks", "blocks", 16, 1, 128, "first capacity of a thread's bin")      \
	X(BIN_MAX_BLOCKS, "bin_max_blocks", "blocks", 128, 1, 128, "highest capacity of a bin")    \
	X(BIN_MAX_BYTES, "bin_max_bytes", "bytes", 32 << 10, 1 << 10, 1 << 20,                     \
	  "most memory in one bin; a bin always holds at least one block")                         \
	X(WAKE_BYTES, "wake_bytes", "bytes", 512 << 10, 0, 1 << 30,                                \
	  "a thread wakes the GC when it has published so much garbage")                           \
	X(BACKLOG_BYTES, "backlog_bytes", "bytes", 8 << 20, 64 << 10, 1ll << 40,                   \
	  "a thread whose garbage waits above this helps the GC")                                  \
	X(DECAY_MS, "decay_ms", "ms", 500, 0, 3600000,                                             \
	  "free memory goes back to the system after about so long")                               \
	X(RETAIN_BYTES, "retain_bytes", "bytes", 16 << 20, 0, 1ll << 40,                           \
	  "free memory a process without GC thread may keep; up to 8 times that in turns")         \
	X(RETAIN_PERCENT, "retain_percent", "percent", 25, 0, 100,                                 \
	  "the same as a part of live memory; the larger of the two counts")                       \
	X(HUGE_BYTES, "huge_bytes", "bytes", 32 << 20, 0, 1ll << 46,                               \
	  "ask for huge pages once the heap is as large as this, while they come cheap")           \
	X(PREFAULT_BYTES, "prefault_bytes", "bytes", 64 << 10, 0, 4 << 20,                         \
	  "fresh memory is faulted in by steps up to this, by the GC thread if there is one")      \
	X(CONTAINER_MS, "container_ms", "ms", 1000, 0, 3600000,                                    \
	  "the GC thread looks at its container's memory so often; 0: never")                      \
	X(CONTAINER_PERCENT, "container_percent", "percent", 90, 1, 100,                           \
	  "free memory goes back at once when so much of the container's limit is in use")         \
	X(PRESSURE_PERCENT, "pressure_percent", "percent", 10, 0, 100,                             \
	  "the same when tasks of it waited for memory so much of the time; 0: no matter")         \
	X(LIMIT, "limit", "bytes", 0, 0, 1ll << 46, "hard limit of the process's heap; 0: none")   \
	X(LIMIT_COUNTS, "limit_counts", "way", 0, 0, 2,                                            \
	  "what the limit counts: 0 blocks, 1 memory held, 2 and what the program charges")        \
	X(LIMIT_POLICY, "limit_policy", "policy", 0, 0, 1,                                         \
	  "at the limit: 0 fail, 1 call the program's reclaim function first")                     \
	X(STATS_PAGE, "stats_page", "way", 1, 0, 2,                                                \
	  "page for tide-top, made by the GC thread: 0 none, 1 unless system calls are filtered, " \
	  "2 always")                                                                              \
	X(PROFILE, "profile", "switch", 0, 0, 1,                                                   \
	  "sample allocations for a heap profile; not in checked mode")                            \
	X(PROFILE_BYTES, "profile_bytes", "bytes", 512 << 10, 1, 1 << 30,                          \
	  "mean distance between samples; 1: every allocation (slow)")                             \
	X(PROFILE_UNWIND, "profile_unwind", "way", 1, 0, 1,                                        \
	  "stacks of samples by 0 frame pointers, 1 libgcc where it can't wait")                   \
	X(PROFILE_SIGNAL, "profile_signal", "number", 0, 0, 64,                                    \
	  "signal at which the profile is written, beside that at exit; 0: none")                  \
	X(PROFILE_SEED, "profile_seed", "number", 0, 0, 1ll << 40,                                 \
	  "first number of the chance by which samples are taken, for tests; 0: any")

#define TIDE_TEXT_OPTIONS(X)                                                                       \
	X(STATS, "stats", "exit|signal[:NUMBER]|file:PATH[:SECONDS]|unix:PATH",                    \
	  "statistics: on stderr at exit, on stderr at a signal (SIGUSR2), into a file at exit "   \
	  "and "                                                                                   \
	  "every so many seconds (.json, .prom or text), or to who connects; %p is the process")   \
	X(TRACE, "trace", "PATH",                                                                  \
	  "timeline of the GC for a trace viewer, as JSON; %p is the process")                     \
	X(PROFILE_FILE, "profile_file", "PATH",                                                    \
	  "the heap profile, at exit; at a signal with a number after it; %p is the process")      \
	X(CGROUP, "cgroup", "/FOLDER",                                                             \
	  "the folder of the cgroup whose memory is watched, in place of the process's own")

enum tide_option_id {
#define TIDE_OPTION_ID(ID, name, unit, def, min, max, meaning) TIDE_OPTION_##ID,
	TIDE_OPTIONS(TIDE_OPTION_ID)
#undef TIDE_OPTION_ID
	    TIDE_OPTION_COUNT
};

enum tide_text_option_id {
#define TIDE_OPTION_ID(ID, name, form, meaning) TIDE_TEXT_OPTION_##ID,
	TIDE_TEXT_OPTIONS(TIDE_OPTION_ID)
#undef TIDE_OPTION_ID
	    TIDE_TEXT_OPTION_COUNT
};

#endif
