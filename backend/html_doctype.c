/*
 * The doctypes of html_doctype.h: browsers tell old pages by their public
 * identifiers.
 */

#include "html_doctype.h"

#include <strings.h>

#include "html_str.h"

static const char *const jm_doctype_old[] = {
    "+//Silmaril//",
    "-//AdvaSoft Ltd//",
    "-//AS//DTD HTML",
    "-//IETF//DTD HTML",
    "-//Metrius//",
    "-//Microsoft//DTD Internet Explorer",
    "-//Netscape Comm. Corp.//DTD",
    "-//O'Reilly and Associates//DTD",
    "-//SoftQuad",
    "-//Spyglass//",
    "-//SQ//DTD HTML",
    "-//Sun Microsystems Corp.//DTD HotJava",
    "-//W3C//DTD HTML 3",
    "-//W3C//DTD HTML 4.0 Frameset//",
    "-//W3C//DTD HTML 4.0 Transitional//",
    "-//W3C//DTD HTML Experimental",
    "-//W3C//DTD W3 HTML",
    "-//W3O//DTD W3 HTML",
    "-//WebTechs//DTD Mozilla HTML",
};

/* Old only without a system identifier. */
static const char *const jm_doctype_short[] = {
    "-//W3C//DTD HTML 4.01 Frameset//",
    "-//W3C//DTD HTML 4.01 Transitional//",
};


/* Takes `word` and the space behind it off the front of `rest`. */
static int
jm_doctype_take(jm_str_t *rest, const char *word)
{
    size_t len;

    len = strlen(word);

    if (rest->len < len || strncasecmp((char *) rest->data, word, len) != 0) {
        return 0;
    }

    rest->data += len;
    rest->len -= len;
    *rest = jm_html_trim(*rest);

    return 1;
}


/* Takes a quoted string off the front; data NULL if there is none. */
static jm_str_t
jm_doctype_quoted(jm_str_t *rest)
{
    jm_str_t string;
    u_char  *end;

    string.data = NULL;
    string.len = 0;

    if (rest->len < 2 || (rest->data[0] != '"' && rest->data[0] != '\'')) {
        return string;
    }

    end = memchr(rest->data + 1, rest->data[0], rest->len - 1);

    if (end != NULL) {
        string.data = rest->data + 1;
        string.len = (size_t) (end - string.data);
        rest->len -= string.len + 2;
        rest->data = end + 1;
        *rest = jm_html_trim(*rest);
    }

    return string;
}


static int
jm_doctype_is_one(jm_str_t id, const char *const *list, size_t n)
{
    size_t i, len;

    for (i = 0; i < n; i++) {
        len = strlen(list[i]);

        if (id.len >= len && strncasecmp((char *) id.data, list[i], len) == 0)
        {
            return 1;
        }
    }

    return 0;
}

#define JM_DOCTYPE_IS(id, list)                                               \
    jm_doctype_is_one(id, list, sizeof(list) / sizeof(list[0]))


int
jm_doctype_is_quirks(jm_str_t doctype)
{
    jm_str_t id;

    doctype = jm_html_trim(doctype);

    if (!jm_doctype_take(&doctype, "html")) {
        return 1;
    }

    if (doctype.len == 0) {
        return 0;
    }

    if (!jm_doctype_take(&doctype, "public")) {
        return !jm_doctype_take(&doctype, "system")
               || jm_doctype_quoted(&doctype).data == NULL;
    }

    id = jm_doctype_quoted(&doctype);

    return id.data == NULL || JM_DOCTYPE_IS(id, jm_doctype_old)
           || (jm_doctype_quoted(&doctype).data == NULL
               && JM_DOCTYPE_IS(id, jm_doctype_short));
}
