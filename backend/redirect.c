/*
 * The redirectors of redirect.h: a row says where in the URL the target is,
 * and by which steps it is read.
 */

#include "redirect.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "lists.h"
#include "redirect_decode.h"
#include "rules.h"

#define JM_REDIRECT_HEADER                                                    \
    "vendor\tclass\thost_match\thost\tpath_match\tpath\tmethod\targ\tdecode"  \
    "\tsources\tnote"

#define JM_REDIRECT_MAX 1000 /* rows of the list */

enum {
    VENDOR,
    CLASS,
    HOST_MATCH,
    HOST,
    PATH_MATCH,
    PATH,
    METHOD,
    ARG,
    DECODE
};

typedef enum { IN_PATH, IN_QUERY, NOWHERE } jm_redirect_method_t;

typedef struct {
    const char          *vendor;
    jm_redirect_method_t method;
    const char          *arg;    /* of the query */
    const char          *decode; /* steps, with "," between them */
    unsigned             security : 1;
} jm_redirect_row_t;

static jm_rules_t        jm_redirect_rules;
static jm_redirect_row_t jm_redirects[JM_REDIRECT_MAX];

static const char *const jm_redirect_methods[] = { "path", "query", "opaque" };


static int
jm_redirect_add(const jm_list_t *list)
{
    size_t             i, n;
    const char        *error;
    jm_redirect_row_t *row;

    n = jm_redirect_rules.nrules;

    for (i = 0; i <= NOWHERE; i++) {
        if (strcmp(list->cell[METHOD], jm_redirect_methods[i]) == 0) {
            break;
        }
    }

    if (i > NOWHERE || n == JM_REDIRECT_MAX) {
        return jm_list_error(list, "method is path, query or opaque");
    }

    error = jm_redirect_check(list->cell[DECODE]);

    if (error == NULL) {
        error = jm_rules_add(&jm_redirect_rules, list->cell[HOST_MATCH],
                             list->cell[HOST], list->cell[PATH_MATCH],
                             list->cell[PATH]);
    }

    if (error != NULL) {
        return jm_list_error(list, error);
    }

    row = &jm_redirects[n];
    row->vendor = list->cell[VENDOR];
    row->method = (jm_redirect_method_t) i;
    row->arg = list->cell[ARG];
    row->decode = list->cell[DECODE];
    row->security = (strcmp(list->cell[CLASS], "security") == 0);

    return 0;
}


int
jm_redirect_init(void)
{
    int       rc;
    long      bad;
    jm_list_t list;

    if (jm_redirect_rules.buckets != NULL) {
        return 0;
    }

    if (jm_list_own(&list, "redirectors", JM_REDIRECT_HEADER) != 0) {
        return -1;
    }

    while ((rc = jm_list_next(&list)) > 0) {
        if (jm_redirect_add(&list) != 0) {
            return -1;
        }
    }

    bad = jm_rules_index(&jm_redirect_rules);

    if (rc == 0 && bad >= 0) {
        list.line = (unsigned) bad + 2;
        return jm_list_error(&list, "cannot be looked up");
    }

    return rc;
}


/* The value of a parameter, as it stands in the URL. */
static jm_str_t
jm_redirect_query(jm_str_t rest, const char *name)
{
    size_t        len;
    jm_str_t      part, none;
    const u_char *p, *end;

    memset(&none, 0, sizeof(jm_str_t));
    len = strlen(name);
    end = memchr(rest.data, '#', rest.len);
    end = (end == NULL) ? rest.data + rest.len : end;
    p = memchr(rest.data, '?', (size_t) (end - rest.data));

    while (p != NULL) {
        part.data = (u_char *) p + 1;
        p = memchr(part.data, '&', (size_t) (end - part.data));
        part.len = (size_t) ((p == NULL ? end : p) - part.data);

        if (part.len > 4 && memcmp(part.data, "amp;", 4) == 0) {
            part.data += 4;
            part.len -= 4;
        }

        if (part.len > len && part.data[len] == '='
            && memcmp(part.data, name, len) == 0)
        {
            part.data += len + 1;
            part.len -= len + 1;
            return part;
        }
    }

    return none;
}


static int
jm_redirect_absolute(jm_str_t href)
{
    size_t i;

    for (i = 0; i < href.len; i++) {
        if (href.data[i] < ' ' || href.data[i] == 0x7F) {
            return 0;
        }
    }

    return (href.len > 7 && strncasecmp((char *) href.data, "http://", 7) == 0)
           || (href.len > 8
               && strncasecmp((char *) href.data, "https://", 8) == 0);
}


static int
jm_redirect_target(jm_redirect_t *found, jm_arena_t *arena,
                   const jm_url_t *url, const jm_redirect_row_t *row,
                   jm_str_t group)
{
    jm_str_t value;

    value = (row->method == IN_PATH) ? group
                                     : jm_redirect_query(url->rest, row->arg);

    if (value.len == 0 || jm_redirect_decode(arena, row->decode, &value) != 0
        || !jm_redirect_absolute(value)
        || jm_url_parse(&found->target, arena, value) != 0)
    {
        return -1;
    }

    /* the path of some repeats the target's host: no other is it */
    if (row->method == IN_QUERY && group.len != 0
        && (group.len != found->target.host.len
            || strncasecmp((char *) group.data,
                           (char *) found->target.host.data, group.len)
                   != 0))
    {
        return -1;
    }

    /* to itself is nowhere */
    return (found->target.href.len == url->href.len
            && memcmp(found->target.href.data, url->href.data, url->href.len)
                   == 0)
               ? -1
               : 0;
}


void
jm_redirect_find(jm_redirect_t *found, jm_arena_t *arena, const jm_url_t *url)
{
    size_t             i, n;
    jm_rule_found_t    rules[JM_RULES_FOUND];
    jm_redirect_row_t *row;

    memset(found, 0, sizeof(jm_redirect_t));
    n = jm_rules_find(&jm_redirect_rules, url->host, url->rest, rules, NULL);

    for (i = 0; i < n; i++) {
        row = &jm_redirects[rules[i].rule];

        if (found->vendor == NULL) {
            found->vendor = row->vendor;
            found->security = row->security;
        }

        found->is = JM_REDIRECT_OPAQUE;

        if (row->method != NOWHERE
            && jm_redirect_target(found, arena, url, row, rules[i].group) == 0)
        {
            found->is = JM_REDIRECT_TARGET;
            found->vendor = row->vendor;
            found->security = row->security;
            return;
        }
    }
}
