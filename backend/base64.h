/*
 * Base64 (RFC 4648) as mail has it.  Called by header_word.c, card.c,
 * redirect_decode.c and html_image.c; pure C.
 */

#ifndef JM_BASE64_H
#define JM_BASE64_H

#include "arena.h"

/* The value of a digit of either alphabet, that of URLs too; else -1. */
int jm_base64_digit(u_char c);

/* Appends what `in` stands for; what is no digit is skipped, as RFC 2045, 6.8
 * asks, and behind padding it begins afresh. */
void jm_base64_decode(jm_buf_t *out, jm_str_t in);

#endif /* JM_BASE64_H */
