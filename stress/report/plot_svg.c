/* See plot_svg.h. */
#include "plot_svg.h"

#include <stdio.h>
#include <string.h>

static const char *const token_colour[PLOT_TOKENS] = {
	"var(--muted)", "var(--grid)",  "var(--axis)",  "var(--span)",
	"var(--ink-1)", "var(--ink-2)", "var(--ink-3)", "var(--ink-4)",
};

/* Copy a line, with the colours of the page for the tokens. */
static void copy_line(struct text *svg, const char *line, size_t length)
{
	const char *end = line + length;

	while (line < end) {
		unsigned red, green, blue;
		int used = 0;
		const char *colour = memmem(line, (size_t)(end - line), "rgb(", 4);

		if (colour == NULL)
			break;
		text_append(svg, line, (size_t)(colour - line));
		line = colour;
		if (sscanf(colour, "rgb( %u , %u , %u )%n", &red, &green, &blue, &used) == 3 &&
		    used > 0 && red == 1 && green == 1 && blue < PLOT_TOKENS) {
			text_print(svg, "%s", token_colour[blue]);
			line += used;
		} else {
			text_append(svg, line, 4);
			line += 4;
		}
	}
	text_append(svg, line, (size_t)(end - line));
	text_append(svg, "\n", 1);
}

static bool starts(const char *line, const char *with)
{
	return strncmp(line, with, strlen(with)) == 0;
}

bool plot_svg_copy(struct text *svg, const struct plot *plot, const char *from)
{
	bool skipping = true; /* up to the canvas, and within the definitions */

	text_print(svg, "<svg viewBox=\"0 0 %u %u\" role=\"img\" aria-label=\"", plot_width(plot),
	           plot_height(plot));
	text_print_escaped(svg, plot->title);
	text_print(svg, "\" data-points=\"%zu\">\n", plot->points);
	while (*from != '\0') {
		const char *line = from + strspn(from, " \t");
		size_t length = strcspn(line, "\n");

		from = line + length + (line[length] == '\n');
		if (starts(line, "<g id=\"gnuplot_canvas\"")) {
			skipping = false;
			text_print(svg, "<g>\n");
		} else if (starts(line, "<defs>")) {
			skipping = true;
		} else if (starts(line, "</defs>")) {
			skipping = false;
		} else if (skipping || length == 0) {
			continue;
		} else if (starts(line, "<g id=")) {
			text_print(svg, "<g>\n");
		} else if (starts(line, "<g fill=\"none\"") && starts(from, "</g>\n")) {
			from += sizeof "</g>\n" - 1;
		} else {
			copy_line(svg, line, length);
			if (starts(line, "</svg>"))
				return !skipping;
		}
	}
	return false;
}
