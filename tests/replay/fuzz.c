/* The reader of traces against damaged ones: fuzz FILE SCRATCH COUNT. Each of COUNT variants of
 * FILE, always the same ones, is read to its end, entered in the books and written again. It has to
 * come out well, or with a fault that names the file and a place in it; compiled with sanitizers,
 * nothing else goes unseen. Prints how many were refused. */
#include "trace/sizes.h"
#include "trace/summary.h"
#include "trace/text.h"
#include "trace/writer.h"

#include <stdlib.h>
#include <string.h>

static uint64_t state;

static uint64_t draw(uint64_t below)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state % below;
}

/* Where bytes matter: the head, the chunks' heads and what is filled; the rest is zeros. */
static size_t place(size_t bytes)
{
	static const size_t near[] = { 0, 4096, 8192, 12288 };

	if (draw(2) == 0)
		return (near[draw(4)] + draw(160)) % bytes;
	return draw(bytes);
}

static size_t damage(unsigned char *data, size_t bytes)
{
	for (uint64_t n = 1 + draw(4); n > 0; n--) {
		size_t at = place(bytes);

		switch (draw(6)) {
		case 0:
			data[at] ^= (unsigned char)(1u << draw(8));
			break;
		case 1:
			data[at] = (unsigned char)draw(256);
			break;
		case 2:
			data[at] = 0xff;
			break;
		case 3:
			data[at] = "0 =+x\n-9"[draw(8)];
			break;
		case 4: /* move a piece */
			memmove(data + at, data + place(bytes) % (at + 1),
			        (bytes - at) / (1 + draw(64)));
			break;
		default:
			if (draw(4) == 0)
				bytes = at + 1;
		}
	}
	return bytes;
}

/* Whether it was read to its end. */
static bool read_all(const char *path, FILE *nowhere)
{
	static struct trace trace;
	static struct summary summary;
	struct trace_writer writer;
	struct trace_event event;
	bool good = trace_open(&trace, path) && summary_make(&summary, &trace);

	if (good) {
		text_head_write(nowhere, &trace.head);
		trace_writer_begin(&writer, nowhere, &trace.head);
		while (trace_next(&trace, &event)) {
			text_write(nowhere, &event);
			if (writer.fault == NULL)
				trace_writer_add(&writer, &event);
		}
		trace_writer_end(&writer);
		good = trace_rewind(&trace) && sizes_make(&trace, nowhere);
	}
	if (good != (trace.fault[0] == '\0') ||
	    (!good &&
	     (strncmp(trace.fault, path, strlen(path)) != 0 ||
	      (strstr(trace.fault, ": at ") == NULL && strstr(trace.fault, ": line ") == NULL)))) {
		fprintf(stderr, "not a good fault: %s\n", trace.fault);
		exit(1);
	}
	trace_close(&trace);
	return good;
}

int main(int argc, char *argv[])
{
	static unsigned char whole[1 << 20], data[1 << 20];
	FILE *nowhere = fopen("/dev/null", "w"), *file = argc == 4 ? fopen(argv[1], "r") : NULL;

	if (file == NULL || nowhere == NULL)
		return 2;
	size_t bytes = fread(whole, 1, sizeof whole, file);
	fclose(file);
	unsigned refused = 0;
	for (int i = 0; i < atoi(argv[3]); i++) {
		state = UINT64_C(0x9e3779b97f4a7c15) * (uint64_t)(i + 1);
		memcpy(data, whole, bytes);
		size_t left = i == 0 ? bytes : damage(data, bytes);
		file = fopen(argv[2], "w");
		if (file == NULL || fwrite(data, 1, left, file) != left || fclose(file) != 0)
			return 2;
		bool good = read_all(argv[2], nowhere);
		if (i == 0 && !good)
			return 3; /* the one that is not damaged */
		refused += !good;
	}
	printf("%u\n", refused);
	return 0;
}
