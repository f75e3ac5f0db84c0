/* The binary form of a trace, read: chunks of many threads, merged by time. Parts of reader.h. */
#ifndef TRACE_CHUNKS_H
#define TRACE_CHUNKS_H

#include "reader.h"

/* Look at all chunks' heads. */
bool chunks_find(struct trace *trace);
bool chunks_next(struct trace *trace, struct trace_event *event);
void chunks_rewind(struct trace *trace);

#endif
