/* See document.h. */
#include "document.h"

#include "json.h"
#include "wrap.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { WIDTH = 100 };

/* "0.93 (0.91..0.95)", the bounds only where there are some. */
static void print_ratio(const json_t *ratio)
{
	char text[64];
	bool bounded = json_is_number(json_object_get(ratio, "low"));
	if (!json_is_number(json_object_get(ratio, "ratio")))
		snprintf(text, sizeof text, "-");
	else if (!bounded)
		snprintf(text, sizeof text, "%.3f", json_number_at(ratio, "ratio"));
	else
		snprintf(text, sizeof text, "%.3f (%.3f..%.3f)", json_number_at(ratio, "ratio"),
		         json_number_at(ratio, "low"), json_number_at(ratio, "high"));
	printf("  %-22s", text);
}

static void print_compared(const json_t *document)
{
	const json_t *comparison;
	size_t i;

	printf("\nFinal rounds, ratios to the default:\n  p after Holm");
	for (int o = 0; o < OBJECTIVES; o++)
		printf("  %-22s", objective_row[o].name);
	putchar('\n');
	json_array_foreach(json_object_get(document, "compared"), i, comparison)
	{
		printf("  %-12.4f", json_number_at(comparison, "p"));
		for (int o = 0; o < OBJECTIVES; o++)
			print_ratio(json_object_get(comparison, objective_row[o].name));
		printf("\n      %s\n", json_text_of(comparison, "text"));
	}
}

static void print_parameters(const json_t *document)
{
	const json_t *parameter;
	size_t i;

	printf("\nWhat each parameter does, as far as %.0f settings tell, in which the others "
	       "differed "
	       "too:\nfrom the best to the worst median of its values\n",
	       (double)json_array_size(json_object_get(document, "candidates")));
	json_array_foreach(json_object_get(document, "parameters"), i, parameter)
	{
		printf("  %-28s %6.1f %%   default %-6s chosen %s\n",
		       json_text_of(parameter, "name"), 100 * json_number_at(parameter, "range"),
		       json_text_of(parameter, "standard"), json_text_of(parameter, "chosen"));
	}
}

static void print_noise(const json_t *document)
{
	printf("Noise, the middle half of the default's runs as a part of their median:");
	for (int o = 0; o < OBJECTIVES; o++) {
		const json_t *noise =
		    json_object_get(json_object_get(document, "noise"), objective_row[o].name);
		if (json_is_number(noise))
			printf(" %s %.1f %%", objective_row[o].name,
			       100 * json_number_value(noise));
	}
	putchar('\n');
}

void document_print(const json_t *document)
{
	const json_t *summary = json_object_get(document, "summary");

	print_compared(document);
	print_parameters(document);
	print_noise(document);
	printf("\n%s\n", json_text_of(summary, "headline"));
	wrap_print(stdout, json_text_of(summary, "reason"), 0, WIDTH);
	if (*json_text_of(summary, "start") != '\0')
		wrap_print(stdout, json_text_of(summary, "start"), 0, WIDTH);
	printf("\n%s", json_text_of(document, "env"));
}
