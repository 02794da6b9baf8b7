/*
 * URLs of mails: parsed as the URL Standard does, judged on the parsed value,
 * written anew.  The string of the mail itself is never passed on.
 *
 * Called by the sanitiser (html_*.c) for links and images.  Pure C; results
 * live in the arena.
 */

#ifndef JM_URL_H
#define JM_URL_H

#include "arena.h"

#define JM_URL_MAX (8 * 1024)

typedef enum {
    JM_URL_HTTP,
    JM_URL_HTTPS,
    JM_URL_MAILTO,
    JM_URL_TEL,
    JM_URL_SMS,
    JM_URL_CID,
    JM_URL_DATA,    /* only the scheme was looked at */
    JM_URL_FRAGMENT /* "#name" */
} jm_url_scheme_t;

typedef struct {
    jm_url_scheme_t scheme;
    jm_str_t        href; /* the serialised URL, ASCII */
    jm_str_t        host; /* http and https: lower-case, punycode, no port */
    jm_str_t        rest; /* http and https: path and query (and fragment);
                             cid: the content id, fragment: the name, both
                             percent-decoded */
} jm_url_t;

/*
 * Returns 0, or -1 for what no mail may link to: another scheme, a relative
 * URL, user information, a host that is none, more than JM_URL_MAX bytes.
 */
int jm_url_parse(jm_url_t *url, jm_arena_t *arena, jm_str_t source);

/*
 * The host that a link's visible text claims, lower-case, or an empty string
 * if the text is not an address of the web.
 */
jm_str_t jm_url_claimed_host(jm_arena_t *arena, jm_str_t text);

/* "%41" is "A"; what is none stays. */
jm_str_t jm_url_percent_decode(jm_arena_t *arena, jm_str_t str);

/* Once per process, before privileges are dropped: the Public Suffix List. */
void jm_url_init(void);

/* Do two hosts belong to the same owner, as far as their names tell? */
int jm_url_same_site(jm_str_t a, jm_str_t b);

#endif /* JM_URL_H */
