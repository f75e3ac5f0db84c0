/* tide-options: the options of the library, from their table, in one form or another. */
#include "options_text.h"

#include <string.h>

int main(int count, char **argument)
{
	enum options_form form = OPTIONS_TEXT;
	if (count > 2 || (count == 2 && !options_form_parse(argument[1], &form))) {
		bool help = count == 2 && strcmp(argument[1], "--help") == 0;
		fputs("usage: tide-options [text|markdown|manual|flags|manual-flags]\n",
		      help ? stdout : stderr);
		return help ? 0 : 2;
	}
	options_print(stdout, form);
	return fflush(stdout) == 0 ? 0 : 1;
}
