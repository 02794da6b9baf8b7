/*
 * The steps by which a redirector's target is read out of its link: percent,
 * base64 (either alphabet), json:<field>, zlib (checksum or not),
 * form:<field>, http and https (put in front), skip2, proofpoint2,
 * proofpoint3.
 *
 * Called by redirect.c.  Pure C; hostile input is normal, every size bounded.
 */

#ifndef JM_REDIRECT_DECODE_H
#define JM_REDIRECT_DECODE_H

#include "arena.h"

/* What is wrong with a list of steps, or NULL. */
const char *jm_redirect_check(const char *steps);

/* Takes `value` through the steps.  -1 when one of them does not apply. */
int jm_redirect_decode(jm_arena_t *arena, const char *steps, jm_str_t *value);

#endif /* JM_REDIRECT_DECODE_H */
