/* The report as a page. */
#ifndef STRESS_REPORT_HTML_H
#define STRESS_REPORT_HTML_H

#include "json.h"
#include "report.h"

/* `root` is of report_json. False, after a message. */
bool report_html(const struct report *report, const json_t *root, const char *path);

#endif
