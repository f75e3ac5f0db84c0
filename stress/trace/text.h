/* The text form of a trace: a line for each call, in the order in which they began. */
#ifndef TRACE_TEXT_H
#define TRACE_TEXT_H

#include "reader.h"

#define TRACE_TEXT_MAGIC "tide-trace "

/* As in the text; NULL: there is no such function. */
const char *trace_function_name(unsigned function);

/* For reader.h. */
bool text_head_read(struct trace *trace);
bool text_next(struct trace *trace, struct trace_event *event);

void text_head_write(FILE *out, const struct trace_head *head);
void text_write(FILE *out, const struct trace_event *event);

#endif
