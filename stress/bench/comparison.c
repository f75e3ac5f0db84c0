/* See comparison.h. */
#include "comparison.h"

#include "../cli.h"
#include "child.h"
#include "companion.h"
#include "json.h"
#include "trial.h"

#include <limits.h>
#include <stdio.h>

bool comparison_option(struct comparison *comparison, int option)
{
	const char *program = comparison->program;

	switch (option) {
	case 'p':
		return peers_add(&comparison->peers, program, optarg);
	case 'o':
		comparison->only = optarg;
		return true;
	case 'r':
		return cli_number(program, "rounds", 1, COMPARISON_ROUNDS_MAX, &comparison->rounds);
	case 't':
		return cli_number(program, "limit", 0.1, 86400, &comparison->limit_s);
	case 'R':
		comparison->report = optarg;
		return true;
	case 'q':
		comparison->quiet = true;
		return true;
	default:
		comparison->help = true;
		return true;
	}
}

bool comparison_read(struct comparison *comparison, int argc, char *argv[],
                     const struct option known[], bool (*read)(void *arguments, int option),
                     void *arguments)
{
	comparison->report = "tide-bench-report";
	peers_find(&comparison->peers);
	if (!cli_options(comparison->program, argc, argv, "+:", known, read, arguments))
		return false;
	return comparison->only == NULL ||
	       peers_keep_only(&comparison->peers, comparison->program, comparison->only);
}

json_t *comparison_document(const struct comparison *comparison)
{
	const struct peers *peers = &comparison->peers;
	json_t *list = json_array();

	for (size_t i = 0; i < peers->count; i++)
		json_array_append_new(list, json_pack("{s:s, s:s, s:n, s:[]}", "name",
		                                      peers->peer[i].name, "path",
		                                      peers->peer[i].path, "fault", "runs"));
	return json_pack("{s:s, s:i, s:o}", "program", comparison->program, "format", 1, "peers",
	                 list);
}

void comparison_run(const struct comparison *comparison, json_t *document, const char *load,
                    json_t *(*run)(const void *arguments, const char *load, const struct peer *peer,
                                   char *fault),
                    const void *arguments)
{
	char path[PATH_MAX], fault[TRIAL_FAULT_BYTES];
	size_t peers = comparison->peers.count, rounds = (size_t)comparison->rounds;
	uint64_t most_bytes = 0;

	companion_path(path, sizeof path, load);
	child_handle_signals();
	for (size_t turn = 0; turn < rounds * peers && !child_interrupted(); turn++) {
		size_t number = trial_turn(turn / peers, turn % peers, peers);
		const struct peer *peer = &comparison->peers.peer[number];
		json_t *of_peer = json_array_get(json_object_get(document, "peers"), number);

		cli_progress(comparison->quiet, "round %zu of %zu, %s", turn / peers + 1, rounds,
		             peer->name);
		if (!json_is_null(json_object_get(of_peer, "fault")))
			continue;
		if (!comparison->is_cold)
			trial_touch_memory(most_bytes);
		json_t *result = run(arguments, path, peer, fault);
		if (result != NULL) {
			trial_note_peak(result, &most_bytes);
			json_array_append_new(json_object_get(of_peer, "runs"), result);
		} else if (*fault != '\0') {
			json_object_set_new(of_peer, "fault", json_string(fault));
		}
	}
	cli_progress(comparison->quiet, "%s", "");
}

bool comparison_write(const struct comparison *comparison, const char *name, const json_t *document,
                      bool (*page_write)(const json_t *document, const char *path))
{
	const char *program = comparison->program, *folder = comparison->report;
	char file[NAME_MAX], json[PATH_MAX], page[PATH_MAX];

	snprintf(file, sizeof file, "%s.json", name);
	if (!cli_file_in(program, folder, file, json, sizeof json))
		return false;
	snprintf(file, sizeof file, "%s.html", name);
	if (!cli_file_in(program, folder, file, page, sizeof page) || !page_write(document, page) ||
	    !json_write_file(document, json))
		return false;
	printf("\n%s\n%s\n", json, page);
	return true;
}
