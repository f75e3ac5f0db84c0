/* The C library's names for our functions: in builds that replace malloc, each is a second name for
 * the function of the same translation unit, so that a call costs nothing extra.
 */
#ifndef TIDE_ALIAS_H
#define TIDE_ALIAS_H

#include "compiler.h"

#ifdef TIDE_OVERRIDE
#define TIDE_ALIAS(type, name, target, ...)                                                        \
	TIDE_EXPORT type name(__VA_ARGS__) __attribute__((alias(#target)))
#else
#define TIDE_ALIAS(type, name, target, ...) struct tide_no_alias_##name
#endif

#endif
