/* See format.h. */
#include "format.h"

#include <stdio.h>

static struct figure scaled(double value, double step, const char *const unit[], int units)
{
	struct figure figure;
	int i = 0;

	while (i + 1 < units && (value >= step || value <= -step)) {
		value /= step;
		i++;
	}
	snprintf(figure.text, sizeof figure.text, "%.*f %s", i == 0 ? 0 : 1, value, unit[i]);
	return figure;
}

struct figure format_bytes(double bytes)
{
	static const char *const unit[] = { "B", "KiB", "MiB", "GiB", "TiB" };
	return scaled(bytes, 1024, unit, 5);
}

struct figure format_count(double count)
{
	static const char *const unit[] = { "", "k", "M", "G", "T" };
	struct figure figure;

	if (count >= 10000)
		return scaled(count, 1000, unit, 5);
	snprintf(figure.text, sizeof figure.text, "%.0f", count);
	return figure;
}

struct figure format_ratio(double of, double to)
{
	struct figure figure = { "-" };

	if (to > 0)
		snprintf(figure.text, sizeof figure.text, "%.2f", of / to);
	return figure;
}

struct figure format_ns(double ns)
{
	static const char *const unit[] = { "ns", "us", "ms", "s" };
	return scaled(ns, 1000, unit, 4);
}

struct figure format_seconds(double seconds)
{
	struct figure figure;
	unsigned long whole = (unsigned long)seconds;

	if (seconds < 60)
		snprintf(figure.text, sizeof figure.text, "%.1f s", seconds);
	else if (whole < 3600)
		snprintf(figure.text, sizeof figure.text, "%lu:%02lu min", whole / 60, whole % 60);
	else
		snprintf(figure.text, sizeof figure.text, "%lu:%02lu:%02lu h", whole / 3600,
		         whole / 60 % 60, whole % 60);
	return figure;
}
