/*
 * The parameters of params.h: a list sorted by name, a URL cut at its "&".
 */

#include "params.h"

#include <stdint.h>
#include <stdlib.h>
#include <strings.h>

#include "lists.h"
#include "rules.h"

#define JM_PARAMS_HEADER                                                      \
    "param\tmatch\thost\twith\tvendor\trisk\tsources\tnote"

#define JM_PARAMS_MAX  1000 /* rows of the list */
#define JM_PARAMS_URL  200  /* parameters of one URL that are looked at */
#define JM_PARAMS_NAME 64

enum { PARAM, MATCH, HOST, WITH, VENDOR, RISK };

typedef struct {
    const char *name;
    const char *host; /* NULL: any */
    const char *with; /* a parameter that must be there, too; NULL: none */
    const char *vendor;
    unsigned    prefix : 1;
    unsigned    medium : 1; /* only with its host, or another one of vendor */
} jm_param_t;

static jm_param_t jm_params[JM_PARAMS_MAX];
static size_t     jm_nparams;


static int
jm_params_order(const void *a, const void *b)
{
    return strcasecmp(((const jm_param_t *) a)->name,
                      ((const jm_param_t *) b)->name);
}


int
jm_params_init(void)
{
    int         rc;
    char      **cell;
    jm_list_t   list;
    jm_param_t *row;

    if (jm_nparams != 0) {
        return 0;
    }

    if (jm_list_own(&list, "params", JM_PARAMS_HEADER) != 0) {
        return -1;
    }

    while ((rc = jm_list_next(&list)) > 0) {
        cell = list.cell;

        if (jm_nparams == JM_PARAMS_MAX
            || strlen(cell[PARAM]) >= JM_PARAMS_NAME) {
            return jm_list_error(&list, "too long");
        }

        row = &jm_params[jm_nparams++];
        row->name = cell[PARAM];
        row->host = strcmp(cell[HOST], "*") == 0 ? NULL : cell[HOST];
        row->with = cell[WITH][0] == '\0' ? NULL : cell[WITH];
        row->vendor = cell[VENDOR];
        row->prefix = (strcmp(cell[MATCH], "prefix") == 0);
        row->medium = (strcmp(cell[RISK], "medium") == 0);

        /* prefixes are looked up at each "_" of a name */
        if (row->prefix && row->name[strlen(row->name) - 1] != '_') {
            return jm_list_error(&list, "a prefix ends in \"_\"");
        }
    }

    qsort(jm_params, jm_nparams, sizeof(jm_param_t), jm_params_order);

    return rc;
}


static const jm_param_t *
jm_params_lookup(const u_char *name, size_t len, int prefix)
{
    char              key[JM_PARAMS_NAME];
    jm_param_t        wanted;
    const jm_param_t *row;

    memset(&wanted, 0, sizeof(jm_param_t));
    memcpy(key, name, len);
    key[len] = '\0';
    wanted.name = key;
    row = bsearch(&wanted, jm_params, jm_nparams, sizeof(jm_param_t),
                  jm_params_order);

    return (row != NULL && row->prefix == (unsigned) prefix) ? row : NULL;
}


/* The row for "name=value", or NULL. */
static const jm_param_t *
jm_params_find(jm_str_t part)
{
    size_t            i, len;
    const u_char     *p;
    const jm_param_t *row;

    p = memchr(part.data, '=', part.len);
    len = (p == NULL) ? part.len : (size_t) (p - part.data);
    p = part.data;

    /* "&amp;" that was written twice over */
    while (len > 4 && strncasecmp((const char *) p, "amp;", 4) == 0) {
        p += 4;
        len -= 4;
    }

    if (len == 0 || len >= JM_PARAMS_NAME || memchr(p, '\0', len) != NULL) {
        return NULL;
    }

    row = jm_params_lookup(p, len, 0);

    for (i = 1; i < len && row == NULL; i++) {
        if (p[i - 1] == '_') {
            row = jm_params_lookup(p, i, 1);
        }
    }

    return row;
}


/* The parts of one query. */
typedef struct {
    const jm_url_t    *url;
    const jm_sender_t *sender;
    jm_str_t           part[JM_PARAMS_URL];
    const jm_param_t  *row[JM_PARAMS_URL];
    size_t             n;
} jm_params_query_t;


/* Is there another parameter of this vendor, or of this name? */
static int
jm_params_other(const jm_params_query_t *q, size_t n, const char *vendor,
                const char *name)
{
    size_t            i;
    const jm_param_t *row;

    for (i = 0; i < q->n; i++) {
        row = q->row[i];

        if (i != n && row != NULL
            && (name == NULL || strcasecmp(row->name, name) == 0)
            && (vendor == NULL
                || (row != q->row[n] && strcmp(row->vendor, vendor) == 0)))
        {
            return 1;
        }
    }

    return 0;
}


static int
jm_params_goes(const jm_params_query_t *q, size_t n)
{
    jm_str_t          value;
    const u_char     *p;
    const jm_param_t *row;

    row = q->row[n];
    p = memchr(q->part[n].data, '=', q->part[n].len);

    if (p != NULL) {
        value.data = (u_char *) p + 1;
        value.len = q->part[n].len - (size_t) (p + 1 - q->part[n].data);

        if (jm_sender_names(q->sender, value)) {
            return 1;
        }
    }

    if (row == NULL
        || (row->host != NULL
            && !jm_rules_host(row->host, strchr(row->host, '*') != NULL,
                              q->url->host)))
    {
        return 0;
    }

    if (row->with != NULL) {
        return jm_params_other(q, n, NULL, row->with);
    }

    return !row->medium || row->host != NULL
           || jm_params_other(q, n, row->vendor, NULL);
}


/* Writes what stays of a query or fragment behind `mark`.  Returns how many
 * went. */
static size_t
jm_params_filter(jm_buf_t *buf, jm_params_query_t *q, jm_str_t query, int mark)
{
    size_t        i, gone;
    jm_str_t      part;
    const u_char *p;

    q->n = 0;
    gone = 0;

    /* past so many, the rest is one */
    for (part = query; q->n < JM_PARAMS_URL; /* void */) {
        p = memchr(part.data, '&', part.len);
        q->part[q->n] = part;

        if (p != NULL && q->n + 1 < JM_PARAMS_URL) {
            q->part[q->n].len = (size_t) (p - part.data);
        }

        q->row[q->n] = jm_params_find(q->part[q->n]);
        part.data += q->part[q->n].len + 1;
        part.len -= q->part[q->n].len + (p != NULL);
        q->n++;

        if (p == NULL) {
            break;
        }
    }

    for (i = 0; i < q->n; i++) {
        if (jm_params_goes(q, i)) {
            gone++;
            continue;
        }

        jm_buf_addc(buf, mark);
        jm_buf_add(buf, q->part[i].data, q->part[i].len);
        mark = '&';
    }

    return gone;
}


jm_str_t
jm_params_strip(jm_arena_t *arena, const jm_url_t *url,
                const jm_sender_t *sender)
{
    size_t             gone;
    jm_buf_t           buf;
    jm_str_t           href, query, fragment;
    const u_char      *p, *end;
    jm_params_query_t *q;

    href = url->href;
    end = href.data + href.len;
    p = memchr(href.data, '#', href.len);
    fragment.data = (u_char *) (p == NULL ? end : p);
    fragment.len = (size_t) (end - fragment.data);

    p = memchr(href.data, '?', (size_t) (fragment.data - href.data));
    query.data = (u_char *) (p == NULL ? fragment.data : p);
    query.len = (size_t) (fragment.data - query.data);

    if (query.len < 2 && memchr(fragment.data, '=', fragment.len) == NULL) {
        return href;
    }

    q = jm_arena_alloc(arena, sizeof(jm_params_query_t));
    q->url = url;
    q->sender = sender;
    gone = 0;

    jm_buf_init(&buf, arena, SIZE_MAX);
    jm_buf_add(&buf, href.data, (size_t) (query.data - href.data));

    if (query.len > 1) {
        query.data++;
        query.len--;
        gone += jm_params_filter(&buf, q, query, '?');

    } else {
        jm_buf_add(&buf, query.data, query.len);
    }

    if (memchr(fragment.data, '=', fragment.len) != NULL) {
        fragment.data++;
        fragment.len--;
        gone += jm_params_filter(&buf, q, fragment, '#');

    } else {
        jm_buf_add(&buf, fragment.data, fragment.len);
    }

    return gone == 0 ? href : jm_buf_str(&buf);
}
