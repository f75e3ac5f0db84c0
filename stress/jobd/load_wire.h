/* The wire between a load and its server: requests go out, answers come in, on a connection of this
 * machine. What goes wrong ends the program, with a message. */
#ifndef JOBD_LOAD_WIRE_H
#define JOBD_LOAD_WIRE_H

#include <stddef.h>
#include <stdint.h>

enum { LOAD_BODY_BYTES_MAX = 65535 };

struct load_wire {
	int fd;
	size_t at, bytes; /* of `input`, what was received */
	char input[2 * LOAD_BODY_BYTES_MAX];
};

_Noreturn void load_give_up(const char *format, ...) __attribute__((format(printf, 1, 2)));

void load_connect(struct load_wire *wire, uint16_t port);
void load_send_all(struct load_wire *wire, const char *data, size_t bytes);
/* An answer's line, without its end; valid until the next call. */
char *load_receive_line(struct load_wire *wire);
/* What follows it, of so many bytes and an end; likewise. */
const char *load_receive_body(struct load_wire *wire, size_t bytes);
/* The number behind the word that the answer must start with. */
uint64_t load_expect(const char *line, const char *word);

#endif
