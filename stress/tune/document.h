/* A search as one document, from which the page is made and what is printed.
 *
 *   command[], seed, objectives[], alpha, least, runs, faults, settings, rounds{phase}
 *   summary        command, headline, reason, start (null: it began at the default), beats, chosen
 *   env            the chosen set as a file for tide-run --env
 *   noise          {objective: how far the middle half of the default's runs lies apart, as a part}
 *   compared[]     name, setting, text, beats, p (after Holm), {objective: ratio, low, high},
 *                  "objective"
 *   with_start     the same of the chosen setting against the one it began with; null
 *   candidates[]   setting, text, runs, fault, front, {objective: ratio}
 *   parameters[]   name, what, standard, chosen, range, levels[]: value, runs, ratio
 *   faults[]       text, fault                                                               */
#ifndef TUNE_DOCUMENT_H
#define TUNE_DOCUMENT_H

#include "verdict.h"

json_t *document_make(const struct tuner *tuner, const struct verdict *verdict,
                      char *const *command);
/* "TIDE_WAKE_BYTES=1m TIDE_DECAY_MS=200", or "the default". */
json_t *document_setting_text(const struct space *space, const struct setting *setting);
/* For people, as it is printed at the end. */
void document_print(const json_t *document);

/* The median of a candidate's ratios, no logarithm; NAN: none. */
double document_ratio(const struct tuner *tuner, unsigned candidate, enum objective objective);
/* What the page's plane has to the right and upwards. */
void document_axes(const struct tuner *tuner, enum objective *x, enum objective *y);

#endif
