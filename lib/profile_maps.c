#include "profile_maps.h"

#include "os.h"
#include "os_file.h"
#include "profile.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <link.h>
#include <sys/auxv.h>

#pragma weak _dl_find_object

#define FILES_MAX 512u

static void put_head(struct tide_profile_text *text)
{
	tide_profile_put(text, "\nMAPPED_LIBRARIES:\n");
}

#if defined(DLFO_STRUCT_HAS_EH_DBASE)

/* Plain: of who writes. */
static TIDE_APART uintptr_t seen[FILES_MAX];
static TIDE_APART char program[512];

/* By its link, which takes no descriptor, or as it was called: that is of use when it is whole. */
static const char *program_path(void)
{
	return tide_os_read_link("/proc/self/exe", program, sizeof program)
	           ? program
	           : (const char *)getauxval(AT_EXECFN);
}

static bool is_new(uintptr_t start, unsigned *files)
{
	for (unsigned i = 0; i < *files; i++) {
		if (seen[i] == start)
			return false;
	}
	if (*files == FILES_MAX)
		return false;
	seen[(*files)++] = start;
	return true;
}

/* One line for all of a file, under a number of its own, by which readers tell files apart. */
static void put_file(struct tide_profile_text *text, const struct dl_find_object *object,
                     unsigned number)
{
	const char *path = object->dlfo_link_map->l_name;
	if (*path == '\0')
		path = program_path();
	if (path == NULL || *path != '/')
		return;
	tide_profile_put_number(text, (uintptr_t)object->dlfo_map_start, 16);
	tide_profile_put(text, "-");
	tide_profile_put_number(text, (uintptr_t)object->dlfo_map_end, 16);
	tide_profile_put(text, " r-xp 00000000 00:01 ");
	tide_profile_put_number(text, number, 10);
	tide_profile_put(text, " ");
	tide_profile_put(text, path);
	tide_profile_put(text, "\n");
}

static void put_files_of_sites(struct tide_profile_text *text)
{
	unsigned files = 0;
	for (unsigned i = 0; i < TIDE_PROFILE_SITES; i++) {
		const struct tide_profile_site *site = tide_profile_site_at(i);
		for (unsigned k = 0; site != NULL && k < site->frames; k++) {
			struct dl_find_object object;
			void *address = (void *)(site->frame[k] - 1);
			if (_dl_find_object != NULL && _dl_find_object(address, &object) == 0 &&
			    object.dlfo_link_map != NULL &&
			    is_new((uintptr_t)object.dlfo_map_start, &files))
				put_file(text, &object, files);
		}
	}
}

#else

static void put_files_of_sites(struct tide_profile_text *text)
{
	(void)text;
}

#endif

static void put_without_proc(struct tide_profile_text *text, int error)
{
	tide_profile_put(text, "# /proc/self/maps: error ");
	tide_profile_put_number(text, (uint64_t)-error, 10);
	tide_profile_put(text,
	                 "; files are those that the loader knows, not code made at run time\n");
	put_head(text);
	put_files_of_sites(text);
}

void tide_profile_put_maps(struct tide_profile_text *text)
{
	int maps = tide_os_file_open_apart(AT_FDCWD, "/proc/self/maps");
	if (maps < 0) {
		put_without_proc(text, maps);
		return;
	}
	put_head(text);
	tide_profile_flush(text);
	long got;
	while ((got = tide_os_file_read_on(maps, text->buffer, TIDE_PROFILE_TEXT_BYTES)) > 0) {
		text->used = (size_t)got;
		tide_profile_flush(text);
	}
	tide_os_close(maps);
	if (got < 0 && text->error == 0)
		text->error = (int)got;
}
