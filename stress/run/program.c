/* See program.h. */
#include "program.h"

#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

enum { SCRIPTS_MAX = 4, HEAD_BYTES = 256, SEGMENTS_MAX = 64 };

static bool is_program(const char *path)
{
	struct stat status;
	return stat(path, &status) == 0 && S_ISREG(status.st_mode) && access(path, X_OK) == 0;
}

static bool find_in_path(char *path, const char *command)
{
	const char *folders = getenv("PATH");
	if (strchr(command, '/') != NULL) {
		snprintf(path, PATH_MAX, "%s", command);
		return access(path, F_OK) == 0;
	}
	for (const char *folder = folders != NULL ? folders : "/bin:/usr/bin";;) {
		int length = (int)strcspn(folder, ":");
		snprintf(path, PATH_MAX, "%.*s%s%s", length, folder, length > 0 ? "/" : "",
		         command);
		if (is_program(path))
			return true;
		if (folder[length] == '\0')
			return false;
		folder += length + 1;
	}
}

/* Whether the loader will distrust the environment: the process gets rights its caller lacks. */
static bool is_privileged(const char *path)
{
	struct stat status;
	if (stat(path, &status) != 0)
		return false;
	return ((status.st_mode & S_ISUID) != 0 && status.st_uid != geteuid()) ||
	       ((status.st_mode & S_ISGID) != 0 && status.st_gid != getegid()) ||
	       (geteuid() != 0 && getxattr(path, "security.capability", NULL, 0) > 0);
}

/* A program that names no loader is loaded by the kernel alone. */
static bool names_loader(int file, const ElfW(Ehdr) * head)
{
	ElfW(Phdr) segment[SEGMENTS_MAX];
	size_t count = head->e_phnum < SEGMENTS_MAX ? head->e_phnum : SEGMENTS_MAX;
	ssize_t got = pread(file, segment, count * sizeof segment[0], (off_t)head->e_phoff);

	for (size_t i = 0; got >= 0 && i < (size_t)got / sizeof segment[0]; i++) {
		if (segment[i].p_type == PT_INTERP)
			return true;
	}
	return false;
}

static enum program_kind kind_of_elf(int file)
{
	ElfW(Ehdr) head, own;
	int self = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	enum program_kind kind = PROGRAM_UNKNOWN;

	if (self >= 0 && pread(self, &own, sizeof own, 0) == (ssize_t)sizeof own &&
	    pread(file, &head, sizeof head, 0) == (ssize_t)sizeof head) {
		if (head.e_ident[EI_CLASS] != own.e_ident[EI_CLASS] ||
		    head.e_machine != own.e_machine)
			kind = PROGRAM_FOREIGN;
		else
			kind = names_loader(file, &head) ? PROGRAM_DYNAMIC : PROGRAM_STATIC;
	}
	if (self >= 0)
		close(self);
	return kind;
}

/* The interpreter of "#!interpreter ...\n". */
static bool interpreter_of(const char *head, char *path)
{
	if (strncmp(head, "#!", 2) != 0)
		return false;
	head += 2;
	head += strspn(head, " \t");
	snprintf(path, PATH_MAX, "%.*s", (int)strcspn(head, " \t\r\n"), head);
	return *path != '\0';
}

void program_find(struct program *program, const char *command)
{
	program->kind = PROGRAM_UNKNOWN;
	*program->loaded = '\0';
	if (!find_in_path(program->path, command))
		return;
	memcpy(program->loaded, program->path, sizeof program->loaded);
	for (int depth = 0; depth < SCRIPTS_MAX; depth++) {
		char head[HEAD_BYTES + 1], next[PATH_MAX];
		int file = open(program->loaded, O_RDONLY | O_CLOEXEC);
		ssize_t got = file >= 0 ? read(file, head, HEAD_BYTES) : -1;

		head[got > 0 ? got : 0] = '\0';
		if (got >= SELFMAG && memcmp(head, ELFMAG, SELFMAG) == 0)
			program->kind = kind_of_elf(file);
		if (file >= 0)
			close(file);
		/* (Of a script, the bits don't count.) */
		if (program->kind == PROGRAM_DYNAMIC && is_privileged(program->loaded))
			program->kind = PROGRAM_PRIVILEGED;
		if (program->kind != PROGRAM_UNKNOWN || !interpreter_of(head, next))
			return;
		memcpy(program->loaded, next, sizeof next);
	}
}

const char *program_why_not(const struct program *program)
{
	switch (program->kind) {
	case PROGRAM_STATIC:
		return "is statically linked: nothing can be preloaded into it";
	case PROGRAM_PRIVILEGED:
		return "runs with more rights than its caller (set-user-id): the loader ignores "
		       "the preload, and Tide its options";
	case PROGRAM_FOREIGN:
		return "is of another machine or word length than the library";
	default:
		return NULL;
	}
}
