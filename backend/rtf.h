/*
 * Rich text of Outlook: LZFu decompression (MS-OXRTFCP) and what an RTF says,
 * as the HTML that Outlook wrapped in it (MS-OXRTFEX) or as plain text.
 * Called by tnef.c.  Pure C; output in the caller's arena.
 */

#ifndef JM_RTF_H
#define JM_RTF_H

#include "arena.h"

#define JM_RTF_MAX (4 * 1024 * 1024) /* bytes of it, unpacked; of its text */

/* PidTagRtfCompressed unpacked; empty when it is none. */
jm_str_t jm_rtf_unpack(jm_arena_t *arena, jm_str_t in);

/*
 * What `in` says, valid UTF-8; `*html` tells whether as HTML.  That goes
 * through the sanitiser like any other.
 */
jm_str_t jm_rtf_read(jm_arena_t *arena, jm_str_t in, int *html);

#endif /* JM_RTF_H */
