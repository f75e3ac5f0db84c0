/* The report as a JSON document, from which the page is made. */
#ifndef STRESS_REPORT_JSON_H
#define STRESS_REPORT_JSON_H

#include "json.h"
#include "report.h"

json_t *report_json(const struct report *report);

#endif
