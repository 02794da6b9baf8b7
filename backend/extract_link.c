/*
 * The link of a mail that it was sent for (extract.h): the one to confirm, to
 * sign in or to reset.  By the words of extract_words.def, in its text and in
 * its address.
 */

#define _GNU_SOURCE /* memmem */

#include "extract.h"

#include "jm_fold.h"

/* So many, and of text and address so many bytes each. */
#define JM_LINK_LOOKED_AT 200
#define JM_LINK_TEXT      300

static const char *const jm_link_action[] = {
#define WORD(word, points, flags)
#define OTHER(word, flags)
#define UNIT(word)
#define MARK(sign)
#define ACTION(word) word,
#define LEAVE(word)
#include "extract_words.def"
    NULL
};

static const char *const jm_link_leave[] = {
#define WORD(word, points, flags)
#define OTHER(word, flags)
#define UNIT(word)
#define MARK(sign)
#define ACTION(word)
#define LEAVE(word) word,
#include "extract_words.def"
    NULL
};


/* How many of the words of one kind are in a folded text. */
static int
jm_link_words(const char *const *words, jm_str_t text)
{
    int n;

    for (n = 0; *words != NULL; words++) {
        n += text.len != 0
             && memmem(text.data, text.len, *words, strlen(*words)) != NULL;
    }

    return n;
}


/* What speaks for a link as the one that the mail was sent for. */
static int
jm_link_points(const jm_link_t *link)
{
    int      action, leave;
    jm_str_t text, href;
    u_char   folded[JM_LINK_TEXT], address[JM_LINK_TEXT];

    if (link->href.len < 5 || memcmp(link->href.data, "http", 4) != 0) {
        return 0;
    }

    text.data = folded;
    text.len = jm_fold(link->text, folded, sizeof(folded));
    href.data = address;
    href.len = jm_fold(link->href, address, sizeof(address));

    leave = jm_link_words(jm_link_leave, text)
            + jm_link_words(jm_link_leave, href);
    action = 2 * jm_link_words(jm_link_action, text)
             + jm_link_words(jm_link_action, href);

    return leave != 0 ? 0 : action;
}


/* Puts the link to confirm, to sign in or to reset in front, if there is one;
 * the order of the others stays. */
void
jm_extract_links(jm_message_t *m)
{
    int       points, most;
    size_t    i, best, n;
    jm_link_t link;

    n = m->clean.nlinks < JM_LINK_LOOKED_AT ? m->clean.nlinks
                                            : JM_LINK_LOOKED_AT;
    most = 0;
    best = 0;

    for (i = 0; i < n; i++) {
        points = jm_link_points(&m->clean.links[i]);

        if (points > most) {
            most = points;
            best = i;
        }
    }

    if (best != 0) {
        link = m->clean.links[best];
        memmove(m->clean.links + 1, m->clean.links, best * sizeof(jm_link_t));
        m->clean.links[0] = link;
    }
}
