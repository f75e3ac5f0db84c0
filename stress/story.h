/* What is told of failures, on standard error when it happens and in the report: each a text of its
 * own. The first few tell it all, so there is room for those alone; room is kept for the tales of
 * other owners, which come late.
 *
 * Touched by  every thread. A story belongs to its teller until its end.
 */
#ifndef STRESS_STORY_H
#define STRESS_STORY_H

struct story;

/* What to end each story with. Once, before the threads start. */
void story_start(const char *seed_text);

/* NULL when enough have been told. */
struct story *story_begin(void);
/* That of another owner. */
struct story *story_begin_other(void);
/* What does not fit is cut. */
void story_tell(struct story *story, const char *format, ...) __attribute__((format(printf, 2, 3)));
void story_end(struct story *story);

/* Story `number` of those that have ended, from 0; NULL after the last. */
const char *story_told(unsigned number);

#endif
