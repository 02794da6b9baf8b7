/*
 * Folds text for searching, alike for what is searched (the backend's search
 * line) and what is sought (the API's `q`).  Called by render.c and by the
 * email endpoint.
 */

#ifndef JM_FOLD_H
#define JM_FOLD_H

#include "jm_str.h"

/*
 * Writes `in`, UTF-8, to `out` in lower case and without accents: ASCII,
 * Latin-1, Latin Extended-A, Greek and Cyrillic; other characters as they are.
 * Combining accents are dropped, so that both normal forms fold alike.
 * Control characters and no-break spaces become spaces, a run of spaces one
 * space, a malformed byte `?`.  Stops before the first character that does not
 * fit in `size` bytes; the result is never longer than `in`.  Returns the
 * length; no NUL is added.
 */
size_t jm_fold(jm_str_t in, u_char *out, size_t size);

#endif /* JM_FOLD_H */
