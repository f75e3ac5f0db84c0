/* The two drawings of the tuner's page, as SVG that takes its colours from the page.
 *
 * Points are circles: class "setting" in the plane, one for each setting that has both figures, of
 * class "front" too where no other is better in both; class "run" in a parameter's drawing, one for
 * each compared run. What a point stands for is its title. */
#ifndef TUNE_DRAWING_H
#define TUNE_DRAWING_H

#include "text.h"
#include "verdict.h"

/* Ratios to the default in two objectives, with the front as a line. */
void drawing_plane(struct text *text, const struct tuner *tuner, const json_t *document,
                   unsigned chosen);
/* Ratios of runs over the levels of a parameter, with their medians as a line. */
void drawing_parameter(struct text *text, const struct tuner *tuner, const json_t *document,
                       unsigned parameter);

#endif
