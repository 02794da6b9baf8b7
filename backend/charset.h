/*
 * Charsets: any bytes that a mail calls text in, valid UTF-8 out.  Called by
 * header.c (encoded words, raw 8-bit headers) and mime.c (bodies).  The set
 * is the WHATWG Encoding Standard's, through glibc's iconv; output lives in
 * the caller's arena.
 *
 * What comes out never holds NUL (dropped), a byte-order mark at the start,
 * a control character other than tab, LF and CR, a noncharacter, or an
 * invalid sequence (each is U+FFFD instead).
 */

#ifndef JM_CHARSET_H
#define JM_CHARSET_H

#include <stdint.h>

#include "arena.h"

/* A charset that is not known: decide by looking at the bytes. */
#define JM_CHARSET_GUESS -1

/*
 * Opens one iconv descriptor per charset and keeps it, because a sandboxed
 * worker can open no conversion module later.  Idempotent.  0, or -1 when
 * glibc lacks one of them.
 */
int jm_charset_init(void);

/* The charset called `label`, in any case; JM_CHARSET_GUESS if unknown. */
int jm_charset_find(jm_str_t label);

/*
 * Appends `in` to `out` as UTF-8.  `charset` from jm_charset_find().  At most
 * four times the input is produced (buf's own limit holds besides).
 */
void jm_charset_append(jm_buf_t *out, jm_str_t in, int charset);

/*
 * The text of a body part.  A byte-order mark decides, then `charset`, then
 * for HTML the `<meta charset>` of the first 1024 bytes, then the bytes: UTF-8
 * if nearly all of them are valid as such, else windows-1252.  Returns `in`
 * itself when nothing has to change.  Output beyond `limit` bytes is dropped,
 * at a character's end, and `*cut` set.
 */
jm_str_t jm_charset_body(jm_arena_t *arena, jm_str_t in, int charset, int html,
                         size_t limit, unsigned *cut);

/* 1 when `in` is valid UTF-8 (NUL and controls allowed). */
int jm_charset_valid(jm_str_t in);

/*
 * The next character of valid or invalid UTF-8: its code point, `*p` moved
 * past it; an invalid sequence counts as one U+FFFD and moves by the length
 * of its longest valid beginning, at least 1.  `*p` < `end` on entry.
 */
uint32_t jm_charset_next(const u_char **p, const u_char *end);

/* The longest beginning of `in` that has at most `max` bytes and splits no
 * character; `in` is valid UTF-8. */
jm_str_t jm_charset_trim(jm_str_t in, size_t max);

#endif /* JM_CHARSET_H */
