/* See stream.h. */
#include "stream.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	PATH_BYTES = PATH_MAX + 128,
	ENVIRONMENT_BYTES = 1 << 18, /* of it so much is looked through for the folder */
	SPARES = 16,
	NAMES_MAX = 1000,    /* of processes of one name and number, one after the other */
	FILE_LEAST = 200,    /* descriptors below are what programs use by number */
	CHUNK_STEPS_MAX = 3, /* each chunk of a thread is four times as long, up to 256 KiB */
};

__thread struct stream stream __attribute__((tls_model("initial-exec")));
struct stream_process *_Atomic stream_process;
uint64_t stream_started_ns;

/* Of the process. What is plain is written by its first call, before there can be a second thread,
 * or in a forked child, where there is none yet. */
static struct {
	char folder[PATH_MAX], program[TRACE_PROGRAM_BYTES], path[PATH_BYTES];
	struct trace_head *head; /* mapped and shared */
	int file;
	dev_t device;
	ino_t inode;
	uint32_t generation; /* one more with each fork */
	pthread_key_t key;   /* tells of a thread's end */
	/* 1: a thread opens the file.
	 * writers  who wins it by CAS, until it is done        readers  the same
	 * order    acquire, release                            edges    stream.opening */
	_Atomic uint32_t opening;
	/* writers  who reserves a chunk, by addition           readers  the same
	 * order    relaxed                                     edges    none: a number */
	_Atomic uint64_t end;
	_Atomic uint32_t threads;
	/* There will be no more room. writers  who found out   readers  all
	 * order    relaxed                                     edges    none */
	_Atomic uint32_t is_full;
	_Atomic uint32_t
	    has_key; /* writers  the constructor   readers  all   order  release, acquire */
} process;

/* Streams of threads that have ended, for those that come.
 * writers  who wins the slot by CAS: EMPTY or FULL to BUSY     readers  the same
 * order    acquire, release                                    edges    stream.spare */
enum { EMPTY, BUSY, FULL };
static struct {
	_Atomic uint32_t state;
	struct stream stream;
} spare[SPARES];

static void lose(void)
{
	if (process.head != NULL)
		add_relaxed((_Atomic uint64_t *)&process.head->lost, 1);
}

/* ---- who we are, without the C library's help: it may not have been started yet */

static size_t read_file(const char *path, char *text, size_t bytes)
{
	int file = open(path, O_RDONLY | O_CLOEXEC);
	size_t used = 0;
	ssize_t got = 0;

	while (file >= 0 && used + 1 < bytes &&
	       (got = read(file, text + used, bytes - 1 - used)) > 0)
		used += (size_t)got;
	if (file >= 0)
		close(file);
	text[used] = '\0';
	return used;
}

static void find_folder(void)
{
	static const char name[] = "RECORD_TIDE_FOLDER=";
	char *text = mmap(NULL, ENVIRONMENT_BYTES, PROT_READ | PROT_WRITE,
	                  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	snprintf(process.folder, sizeof process.folder, ".");
	if (text == MAP_FAILED)
		return;
	size_t used = read_file("/proc/self/environ", text, ENVIRONMENT_BYTES);
	for (size_t at = 0; at < used; at += strlen(text + at) + 1) {
		if (strncmp(text + at, name, sizeof name - 1) == 0)
			snprintf(process.folder, sizeof process.folder, "%s",
			         text + at + sizeof name - 1);
	}
	munmap(text, ENVIRONMENT_BYTES);
}

static void find_program(void)
{
	char *name = process.program;

	if (read_file("/proc/self/comm", name, sizeof process.program) == 0)
		snprintf(name, sizeof process.program, "program");
	name[strcspn(name, "\n")] = '\0';
	for (; *name != '\0'; name++) {
		if (*name == '/' || *name == ' ')
			*name = '_';
	}
}

/* ---- the file */

static int open_new(void)
{
	int number = 1, file = -1;

	do {
		char more[16] = "";

		if (number > 1) /* the process has become another program of the same name */
			snprintf(more, sizeof more, "-%d", number);
		snprintf(process.path, sizeof process.path, "%s/%s-%d%s.trace", process.folder,
		         process.program, (int)getpid(), more);
		file = open(process.path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	} while (file < 0 && errno == EEXIST && ++number < NAMES_MAX);
	if (file < 0)
		return file;
	int high = fcntl(file, F_DUPFD_CLOEXEC, FILE_LEAST);
	if (high < 0)
		return file;
	close(file);
	return high;
}

/* The program may have closed our descriptor, or have another file there by now. */
static bool file_is_ours(void)
{
	struct stat status;

	if (process.file >= 0 && fstat(process.file, &status) == 0 &&
	    status.st_dev == process.device && status.st_ino == process.inode)
		return true;
	process.file = open(process.path, O_RDWR | O_CLOEXEC);
	return process.file >= 0 && fstat(process.file, &status) == 0 &&
	       status.st_dev == process.device && status.st_ino == process.inode;
}

/* Mapped, and there: writing to it can't fail for want of room on the disk. NULL: no room. */
static void *map_part(uint64_t offset, size_t bytes)
{
	struct rlimit limit;

	if (!file_is_ours())
		return NULL;
	/* Beyond it the system would not only refuse, but end the program by a signal. */
	if (getrlimit(RLIMIT_FSIZE, &limit) == 0 && offset + bytes > limit.rlim_cur) {
		errno = EFBIG;
		return NULL;
	}
	if (fallocate(process.file, 0, (off_t)offset, (off_t)bytes) != 0 &&
	    (errno != EOPNOTSUPP || pwrite(process.file, "", 1, (off_t)(offset + bytes - 1)) != 1))
		return NULL;
	void *part = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE,
	                  process.file, (off_t)offset);
	if (part == MAP_FAILED)
		return NULL;
	madvise(part, bytes, MADV_DONTFORK);
	return part;
}

static bool open_file(bool is_forked)
{
	struct stat status;
	struct timespec now;

	process.head = NULL;
	process.file = open_new();
	if (process.file < 0 || fstat(process.file, &status) != 0)
		return false;
	process.device = status.st_dev;
	process.inode = status.st_ino;
	struct trace_head *head = map_part(0, TRACE_HEAD_BYTES);
	if (head == NULL)
		return false;
	clock_gettime(CLOCK_REALTIME, &now);
	stream_started_ns = stream_clock_ns();
	*head = (struct trace_head){
		.version = TRACE_VERSION,
		.head_bytes = TRACE_HEAD_BYTES,
		.process = (uint64_t)getpid(),
		.parent = (uint64_t)getppid(),
		.started_unix_ns = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec,
		.started_clock_ns = stream_started_ns,
		.is_forked = is_forked,
	};
	memcpy(head->program, process.program, sizeof head->program);
	memcpy(head->magic, TRACE_MAGIC, sizeof head->magic); /* now it is a trace */
	process.head = head;
	store_relaxed(&process.end, TRACE_HEAD_BYTES);
	store_relaxed(&process.threads, 0);
	store_relaxed(&process.is_full, 0);
	process.generation++;
	return true;
}

/* The page with the mark. Without it a child could not be told from its parent. */
static struct stream_process *mark_make(void)
{
	size_t bytes = (size_t)sysconf(_SC_PAGESIZE);
	void *page = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (page == MAP_FAILED || madvise(page, bytes, MADV_WIPEONFORK) != 0)
		return NULL;
	return page;
}

static bool process_open(void)
{
	struct stream_process *mark = load_acquire(&stream_process); /* stream.open */
	uint32_t none = 0;

	if (mark != NULL && load_relaxed(&mark->is_open) != 0)
		return load_relaxed(&process.is_full) == 0;
	if (!cas_acquire(&process.opening, &none, 1)) /* stream.opening */
		return false;
	bool is_forked = mark != NULL;
	if (mark == NULL) {
		find_folder();
		find_program();
		mark = mark_make();
	}
	for (int i = 0; is_forked && i < SPARES; i++)
		store_relaxed(&spare[i].state, EMPTY); /* their chunks are not mapped here */
	bool good = mark != NULL && open_file(is_forked);
	if (mark != NULL) {
		store_relaxed(&process.is_full, good ? 0 : 1);
		store_relaxed(&mark->is_open, 1);
		store_release(&stream_process, mark); /* stream.open */
	}
	store_release(&process.opening, 0); /* stream.opening */
	if (!good)
		dprintf(STDERR_FILENO, "tide-record: %s: %s\n", process.path, strerror(errno));
	return good;
}

/* ---- chunks */

static void stream_clear(void)
{
	stream.next = stream.limit = stream.chunk = NULL;
	stream.used = NULL;
	stream.last = (struct trace_last){ 0 };
}

/* Take over the chunk of a thread that ended. */
static bool take_spare(void)
{
	for (int i = 0; i < SPARES; i++) {
		uint32_t full = FULL;

		if (load_relaxed(&spare[i].state) != FULL ||
		    !cas_acquire(&spare[i].state, &full, BUSY)) /* stream.spare */
			continue;
		stream.next = spare[i].stream.next;
		stream.limit = spare[i].stream.limit;
		stream.chunk = spare[i].stream.chunk;
		stream.chunk_bytes = spare[i].stream.chunk_bytes;
		stream.used = spare[i].stream.used;
		stream.last = spare[i].stream.last;
		store_release(&spare[i].state, EMPTY); /* stream.spare */
		return true;
	}
	return false;
}

static bool take_chunk(void)
{
	uint32_t step = stream.chunks < CHUNK_STEPS_MAX ? stream.chunks : CHUNK_STEPS_MAX;
	uint32_t bytes = (uint32_t)TRACE_GRAIN_BYTES << 2 * step;

	if (stream.chunk != NULL)
		munmap(stream.chunk, stream.chunk_bytes);
	stream.chunk = NULL;
	uint64_t offset = add_relaxed(&process.end, bytes);
	struct trace_chunk *chunk = map_part(offset, bytes);
	if (chunk == NULL)
		return false;
	stream.chunks++;
	chunk->bytes = bytes;
	chunk->used = sizeof *chunk;
	chunk->time_ns = stream.last.time_ns;
	chunk->address = stream.last.address;
	stream.used = (_Atomic uint32_t *)&chunk->used;
	store_release((_Atomic uint32_t *)&chunk->magic, TRACE_CHUNK_MAGIC);
	stream.chunk = (unsigned char *)chunk;
	stream.chunk_bytes = bytes;
	stream.next = stream.chunk + sizeof *chunk;
	stream.limit = stream.chunk + bytes - 2 * TRACE_EVENT_MAX_BYTES;
	return true;
}

/* What follows in the chunk is this thread's. */
static void write_mark(enum trace_function function)
{
	struct trace_event event = { .function = (uint8_t)function,
		                     .time_ns = stream_clock_ns() - stream_started_ns,
		                     .size = stream.thread };

	if (event.time_ns < stream.last.time_ns)
		event.time_ns = stream.last.time_ns;
	stream.next = trace_encode(stream.next, &stream.last, &event);
	store_release(stream.used, (uint32_t)(stream.next - stream.chunk));
}

static bool thread_open(void)
{
	if (stream.generation != process.generation) {
		stream_clear();
		stream.generation = process.generation;
		stream.thread = stream.chunks = 0;
	}
	if (stream.next < stream.limit && stream.chunk != NULL)
		return true;
	if ((stream.chunk != NULL || !take_spare()) && !take_chunk()) {
		stream_clear();
		store_relaxed(&process.is_full, 1);
		return false;
	}
	if (stream.thread == 0)
		stream.thread = add_relaxed(&process.threads, 1) + 1;
	write_mark(TRACE_THREAD);
	return true;
}

bool stream_make_room(void)
{
	int error = errno;

	if (stream.is_busy) {
		lose();
		return false;
	}
	stream.is_busy = true;
	bool good = process_open() && thread_open();
	stream.is_busy = false; /* to be told of a thread's end may allocate: a call like others */
	if (good && !stream.is_watched && !stream.has_ended && load_acquire(&process.has_key) != 0)
		stream.is_watched = pthread_setspecific(process.key, &stream) == 0;
	if (!good)
		lose();
	errno = error;
	return good;
}

void stream_let_go(void)
{
	int i = stream.next < stream.limit ? 0 : SPARES; /* a full one is of no use to anybody */

	for (; i < SPARES; i++) {
		uint32_t empty = EMPTY;

		if (load_relaxed(&spare[i].state) == EMPTY &&
		    cas_acquire(&spare[i].state, &empty, BUSY)) /* stream.spare */
			break;
	}
	if (i < SPARES) {
		spare[i].stream = stream;
		store_release(&spare[i].state, FULL); /* stream.spare */
	} else {
		munmap(stream.chunk, stream.chunk_bytes);
	}
	stream_clear();
}

/* The last of the thread's destructors, as far as there is an order: others still free. */
static void thread_end(void *of)
{
	if (++stream.end_rounds < PTHREAD_DESTRUCTOR_ITERATIONS) {
		pthread_setspecific(process.key, of);
		return;
	}
	stream.has_ended = true;
	if (!stream_has_room() || stream.chunk == NULL)
		return;
	write_mark(TRACE_THREAD_END);
	stream_let_go();
}

void stream_begin(void)
{
	if (pthread_key_create(&process.key, thread_end) == 0)
		store_release(&process.has_key, 1);
}

void stream_end(void)
{
	const struct stream_process *mark = load_acquire(&stream_process);

	if (mark != NULL && load_relaxed(&mark->is_open) != 0 && process.head != NULL)
		process.head->ended = 1;
}
