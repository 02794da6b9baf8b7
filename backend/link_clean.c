/*
 * The steps of link_clean.h.
 */

#define _GNU_SOURCE /* memmem */

#include "link_clean.h"

#include "link_guard.h"
#include "params.h"
#include "redirect.h"


/* The header's List-Unsubscribe is pressed by programs, too: it stays. */
static int
jm_link_is_unsubscribe(const jm_url_t *url, const jm_sender_t *sender)
{
    size_t        left;
    const u_char *p, *end;

    if (sender == NULL || sender->unsubscribe.len == 0) {
        return 0;
    }

    p = sender->unsubscribe.data;
    end = p + sender->unsubscribe.len;

    while ((left = (size_t) (end - p)) >= url->href.len) {
        p = memmem(p, left, url->href.data, url->href.len);

        if (p == NULL) {
            return 0;
        }

        p += url->href.len;

        if (p == end || *p == '>' || *p == ',' || *p == '\r' || *p == '\n') {
            return 1;
        }
    }

    return 0;
}


/*
 * Goes through the redirectors as far as they tell: guards are for where this
 * ends, not for what is wrapped around it, which may be signed itself.
 * Returns -1 if where this ends must stay as it is.
 */
static int
jm_link_unwrap(jm_link_clean_t *link, jm_arena_t *arena)
{
    int           level;
    jm_url_t      url;
    jm_redirect_t found;

    url = link->url;

    for (level = 0; level <= JM_LINK_LEVELS; level++) {
        jm_redirect_find(&found, arena, &url);

        if (found.is == JM_REDIRECT_NONE) {
            break;
        }

        /* the first in the way is the one that tells of the click */
        if (link->vendor == NULL) {
            link->vendor = found.vendor;
            link->tracker = url.host;
        }

        if (found.security) {
            link->url = url;
            link->vendor = (level == 0) ? NULL : link->vendor;
            link->host = (found.is == JM_REDIRECT_TARGET) ? found.target.host
                                                          : url.host;
            return -1;
        }

        if (found.is == JM_REDIRECT_OPAQUE) {
            link->vendor = found.vendor;
            link->tracker = url.host;
            link->kept = 1;
            break;
        }

        /* nobody needs so many: it is not what it seems */
        if (level == JM_LINK_LEVELS) {
            link->kept = 1;
            return -1;
        }

        url = found.target;
    }

    link->url = url;
    link->host = url.host;

    return link->kept ? -1 : 0;
}


void
jm_link_clean(jm_link_clean_t *link, jm_arena_t *arena, const jm_url_t *url,
              jm_str_t text, const jm_sender_t *sender)
{
    int      round;
    jm_str_t href;
    jm_url_t stripped;

    memset(link, 0, sizeof(jm_link_clean_t));
    link->url = *url;
    link->host = url->host;

    if (jm_link_is_unsubscribe(url, sender) || jm_guard_text(text)) {
        return;
    }

    /* what has lost its parameters may be a redirector's again */
    for (round = 0; round < JM_LINK_LEVELS; round++) {
        if (jm_link_unwrap(link, arena) != 0 || jm_guard_url(&link->url)
            || jm_link_is_unsubscribe(&link->url, sender))
        {
            return;
        }

        href = jm_params_strip(arena, &link->url, sender);

        if (href.data == link->url.href.data
            || jm_url_parse(&stripped, arena, href) != 0)
        {
            return;
        }

        link->url = stripped;
        link->host = stripped.host;
    }
}
