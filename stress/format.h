/* Numbers for people: three or four digits and a unit. */
#ifndef STRESS_FORMAT_H
#define STRESS_FORMAT_H

struct figure {
	char text[24];
};

struct figure format_bytes(double bytes); /* "102.3 MiB" */
struct figure format_count(double count); /* "12.34 M"; below 10000 the number itself */
/* "1.28"; "-" when there is nothing to divide by. */
struct figure format_ratio(double of, double to);

#endif
