/*
 * Small questions about strings that all files of the sanitiser ask.  Space is
 * that of HTML ("ASCII whitespace"); what is returned points into what came.
 */

#ifndef JM_HTML_STR_H
#define JM_HTML_STR_H

#include <stdint.h>

#include "jm_str.h"


static inline int
jm_str_is(jm_str_t str, const char *word)
{
    return str.len == strlen(word) && memcmp(str.data, word, str.len) == 0;
}


static inline int
jm_html_space(u_char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\f' || c == '\r';
}


static inline int
jm_html_is_blank(jm_str_t str)
{
    size_t i;

    for (i = 0; i < str.len; i++) {
        if (!jm_html_space(str.data[i])) {
            return 0;
        }
    }

    return 1;
}


static inline jm_str_t
jm_html_trim(jm_str_t str)
{
    while (str.len != 0 && jm_html_space(str.data[0])) {
        str.data++;
        str.len--;
    }

    while (str.len != 0 && jm_html_space(str.data[str.len - 1])) {
        str.len--;
    }

    return str;
}


/* FNV-1a */
static inline uint32_t
jm_html_hash(jm_str_t str)
{
    size_t   i;
    uint32_t hash;

    hash = 2166136261u;

    for (i = 0; i < str.len; i++) {
        hash = (hash ^ str.data[i]) * 16777619u;
    }

    return hash;
}


/* At most `max` bytes of whole characters. */
static inline jm_str_t
jm_html_cut(jm_str_t str, size_t max)
{
    if (str.len > max) {
        str.len = max;

        while (str.len != 0 && (str.data[str.len] & 0xC0) == 0x80) {
            str.len--;
        }
    }

    return str;
}

#endif /* JM_HTML_STR_H */
