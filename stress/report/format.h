/* Numbers for people: three or four digits and a unit. */
#ifndef REPORT_FORMAT_H
#define REPORT_FORMAT_H

struct figure {
	char text[28];
};

struct figure format_bytes(double bytes); /* "102.3 MiB" */
struct figure format_count(double count); /* "12.34 M"; below 10000 the number itself */
/* "1.28"; "-" when there is nothing to divide by. */
struct figure format_ratio(double of, double to);
struct figure format_ns(double ns);           /* "84 ns", "1.2 us", "3.4 ms" */
struct figure format_seconds(double seconds); /* "8.4 s", "4:05 min", "26:10:00 h" */

#endif
