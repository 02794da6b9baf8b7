/*
 * What the files url*.c share, and nobody else.
 */

#ifndef JM_URL_PRIVATE_H
#define JM_URL_PRIVATE_H

#include "url.h"

/* Basic URL parser, steps 1 to 3: outer C0 and space, inner tab and LF. */
jm_str_t jm_url_trim(jm_arena_t *arena, jm_str_t str);

/* Host parser: the host as it is written, in `out`.  0, or -1. */
int jm_url_host(jm_arena_t *arena, jm_str_t host, jm_str_t *out);

#endif /* JM_URL_PRIVATE_H */
