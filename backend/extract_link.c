/*
 * The link of a mail that it was sent for (extract.h): the one to confirm, to
 * sign in or to reset.  By the words of extract_words.def, in its text and in
 * its address, or in the sentence around one that says no more than "here".
 */

#define _GNU_SOURCE /* memmem */

#include "extract.h"

#include "charset.h"
#include "jm_fold.h"

/* So many, and of text and address so many bytes each. */
#define JM_LINK_LOOKED_AT 200
#define JM_LINK_TEXT      300

/* The text in which a link is looked for, and how far its sentence reaches. */
#define JM_LINK_SOURCE (32 * 1024)
#define JM_LINK_BEFORE 150
#define JM_LINK_AFTER  60

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


/* "here", "this link", the address: words that do not say what it does. */
static int
jm_link_is_mute(jm_str_t text)
{
    size_t i, spaces;

    if (text.len > 4 && memcmp(text.data, "http", 4) == 0) {
        return 1;
    }

    for (i = 0, spaces = 0; i < text.len; i++) {
        spaces += text.data[i] == ' ';
    }

    return text.len != 0 && spaces <= 2;
}


/* Does the sentence that the link's address stands in, up to the next link's,
 * speak of an action? */
static int
jm_link_sentence(jm_str_t text, jm_str_t href)
{
    jm_str_t      part;
    u_char        folded[JM_LINK_TEXT];
    const u_char *p, *start, *stop, *end;

    if (text.len == 0 || href.len == 0) {
        return 0;
    }

    p = memmem(text.data, text.len, href.data, href.len);

    if (p == NULL) {
        return 0;
    }

    /* an address on a line of its own belongs to what stands above */
    for (start = p; start > text.data && strchr(" <\n", start[-1]) != NULL;
         start--)
    {
        /* void */
    }

    while (start > text.data && p - start < JM_LINK_BEFORE && start[-1] != '>'
           && !jm_extract_ends(text.data, start))
    {
        start--;
    }

    end = text.data + text.len;
    stop = p + href.len;
    end = end - stop > JM_LINK_AFTER ? stop + JM_LINK_AFTER : end;

    while (stop < end && *stop != '\n' && *stop != '<'
           && !jm_extract_ends(p, stop))
    {
        stop++;
    }

    part.data = folded;
    part.len = jm_fold((jm_str_t){ (u_char *) start, p - start }, folded,
                       JM_LINK_BEFORE);
    p += href.len;
    part.len += jm_fold((jm_str_t){ (u_char *) p, stop - p },
                        folded + part.len, JM_LINK_AFTER);

    return jm_link_words(jm_link_leave, part) == 0
           && jm_link_words(jm_link_action, part) != 0;
}


/* What speaks for a link as the one that the mail was sent for; `shown` is the
 * mail's text. */
static int
jm_link_points(const jm_link_t *link, jm_str_t shown)
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

    if (leave != 0) {
        return 0;
    }

    return action == 0 && jm_link_is_mute(text)
               ? jm_link_sentence(shown, link->href)
               : action;
}


/* Puts the link to confirm, to sign in or to reset in front, if there is one;
 * the order of the others stays. */
void
jm_extract_links(jm_message_t *m)
{
    int       points, most;
    size_t    i, best, n;
    jm_str_t  shown;
    jm_link_t link;

    n = m->clean.nlinks < JM_LINK_LOOKED_AT ? m->clean.nlinks
                                            : JM_LINK_LOOKED_AT;
    shown = jm_charset_trim(m->clean.text.len != 0 ? m->clean.text : m->text,
                            JM_LINK_SOURCE);
    most = 0;
    best = 0;

    for (i = 0; i < n; i++) {
        points = jm_link_points(&m->clean.links[i], shown);

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
