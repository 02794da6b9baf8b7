/*
 * The tracker table and its search.  A URL is looked up by what it holds: each
 * suffix of its host, each label of it, each word of its path and query, by
 * binary search; only rows found so are compared with the path.  No list is
 * walked per image.
 *
 * Called by html_report.c.  Allocates nothing; the rules are constants.
 */

#include "trackers.h"

#include <stdint.h>
#include <stdio.h>
#include <strings.h>

/* What of a long URL is looked at: no row needs more. */
#define JM_TRACKER_MAX_HOST   253
#define JM_TRACKER_MAX_REST   512
#define JM_TRACKER_MAX_LABELS 10
#define JM_TRACKER_MAX_WORDS  32

enum jm_tracker_path {
    ANY,      /* the host says it all */
    PREFIX,   /* path and query begin so, whatever the case */
    EXACT,    /* the same, case included */
    CONTAINS, /* somewhere in path and query */
    PATTERN   /* jm_pattern_search() */
};

typedef struct {
    const char          *host;
    enum jm_tracker_path kind;
    const char          *path;
    jm_tracker_rule_t    rule;
} jm_tracker_row_t;

/* One item of a pattern: a set of bytes and how often it may come. */
typedef struct {
    const char *set;
    size_t      set_len;
    unsigned    min;
    unsigned    max;
} jm_pattern_item_t;

static const jm_tracker_row_t *jm_tracker_lookup(const char *key, size_t len,
                                                 jm_str_t rest);


#define JM_TRACKER(host, kind, path, vendor, source)                          \
    { host, kind, path, { vendor, source } },

static const jm_tracker_row_t jm_trackers[] = {
#include "trackers.def"
};

#define JM_NTRACKERS (sizeof(jm_trackers) / sizeof(jm_trackers[0]))


/* The set holds the bytes between brackets, a single byte, or "." for all. */
static int
jm_pattern_has(const jm_pattern_item_t *item, u_char c)
{
    size_t      i;
    const char *set;

    set = item->set;

    if (item->set_len == 1) {
        return set[0] == '.' || (u_char) set[0] == c;
    }

    if (set[0] == '\\') {
        return (u_char) set[1] == c;
    }

    /* "[a-z_]" or "[^/]"; a "-" at an end stands for itself */
    for (i = (set[1] == '^') ? 2 : 1; i + 1 < item->set_len; i++) {
        if (i + 3 < item->set_len && set[i + 1] == '-') {
            if (c >= (u_char) set[i] && c <= (u_char) set[i + 2]) {
                return set[1] != '^';
            }

            i += 2;

        } else if ((u_char) set[i] == c) {
            return set[1] != '^';
        }
    }

    return set[1] == '^';
}


/* Reads one item; returns what follows it. */
static const char *
jm_pattern_item(const char *p, jm_pattern_item_t *item)
{
    const char *end;

    item->set = p;
    item->min = 1;
    item->max = 1;

    if (*p == '[') {
        end = strchr(p, ']') + 1;
    } else {
        end = p + (*p == '\\' ? 2 : 1);
    }

    item->set_len = (size_t) (end - p);
    p = end;

    switch (*p) {

    case '?':
        item->min = 0;
        return p + 1;

    case '*':
        item->min = 0;
        item->max = UINT32_MAX;
        return p + 1;

    case '+':
        item->max = UINT32_MAX;
        return p + 1;

    case '{':
        item->min = 0;

        for (p++; *p >= '0' && *p <= '9'; p++) {
            item->min = item->min * 10 + (unsigned) (*p - '0');
        }

        item->max = item->min;

        if (*p == ',') {
            item->max = 0;

            for (p++; *p >= '0' && *p <= '9'; p++) {
                item->max = item->max * 10 + (unsigned) (*p - '0');
            }

            if (item->max == 0) {
                item->max = UINT32_MAX;
            }
        }

        return p + 1;
    }

    return p;
}


/*
 * Matches at the start of `s`.  Recursion is as deep as the pattern has items,
 * and the patterns are ours.
 */
static int
jm_pattern_match(const char *pattern, const u_char *s, const u_char *end)
{
    unsigned          n;
    const char       *next;
    jm_pattern_item_t item;

    if (*pattern == '\0') {
        return 1;
    }

    if (*pattern == '$' && pattern[1] == '\0') {
        return s == end;
    }

    next = jm_pattern_item(pattern, &item);

    for (n = 0; n < item.min; n++, s++) {
        if (s == end || !jm_pattern_has(&item, *s)) {
            return 0;
        }
    }

    for (;;) {
        if (jm_pattern_match(next, s, end)) {
            return 1;
        }

        if (n == item.max || s == end || !jm_pattern_has(&item, *s)) {
            return 0;
        }

        n++;
        s++;
    }
}


static int
jm_pattern_search(const char *pattern, jm_str_t str)
{
    const u_char *s, *end;

    s = str.data;
    end = s + str.len;

    if (*pattern == '^') {
        return jm_pattern_match(pattern + 1, s, end);
    }

    for (/* void */; s < end; s++) {
        if (jm_pattern_match(pattern, s, end)) {
            return 1;
        }
    }

    return 0;
}


static int
jm_tracker_path_matches(const jm_tracker_row_t *row, jm_str_t rest)
{
    size_t i, len;

    len = strlen(row->path);

    switch (row->kind) {

    case ANY:
        return 1;

    case PREFIX:
        return rest.len >= len
               && strncasecmp((char *) rest.data, row->path, len) == 0;

    case EXACT:
        return rest.len >= len && memcmp(rest.data, row->path, len) == 0;

    case CONTAINS:
        for (i = 0; i + len <= rest.len; i++) {
            if (strncasecmp((char *) rest.data + i, row->path, len) == 0) {
                return 1;
            }
        }

        return 0;

    default: /* PATTERN */
        return jm_pattern_search(row->path, rest);
    }
}


/* The first row with this very key whose path matches. */
static const jm_tracker_row_t *
jm_tracker_lookup(const char *key, size_t len, jm_str_t rest)
{
    int                     cmp;
    size_t                  low, high, middle;
    const jm_tracker_row_t *row;

    low = 0;
    high = JM_NTRACKERS;

    while (low < high) {
        middle = (low + high) / 2;
        row = &jm_trackers[middle];
        cmp = strncmp(row->host, key, len);

        if (cmp == 0 && row->host[len] != '\0') {
            cmp = 1;
        }

        if (cmp < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }

    for (row = &jm_trackers[low]; row < &jm_trackers[JM_NTRACKERS]; row++) {
        if (strncmp(row->host, key, len) != 0 || row->host[len] != '\0') {
            break;
        }

        if (jm_tracker_path_matches(row, rest)) {
            return row;
        }
    }

    return NULL;
}


/* Replaces each run of one to four digits by "#", as the table writes them. */
static size_t
jm_tracker_fold(char *out, const char *host, size_t len)
{
    size_t i, run, n;

    n = 0;

    for (i = 0; i < len; i += run) {
        for (run = 0;
             i + run < len && host[i + run] >= '0' && host[i + run] <= '9';
             run++)
        {
            /* void */
        }

        if (run >= 1 && run <= 4) {
            out[n++] = '#';
            continue;
        }

        if (run == 0) {
            run = 1;
        }

        memcpy(out + n, host + i, run);
        n += run;
    }

    return n;
}


/* Tries "a.b.c", "b.c", "c", then "a.*", "a.b.*" and "a.*.c" of each label. */
static const jm_tracker_row_t *
jm_tracker_by_host(const char *host, size_t len, jm_str_t rest)
{
    char                    key[JM_TRACKER_MAX_HOST + 4];
    size_t                  i, n, start[JM_TRACKER_MAX_LABELS + 1], last, size;
    const jm_tracker_row_t *row;

    n = 0;
    start[n++] = 0;

    for (i = 0; i < len && n < JM_TRACKER_MAX_LABELS; i++) {
        if (host[i] == '.') {
            start[n++] = i + 1;
        }
    }

    for (i = 0; i < n; i++) {
        row = jm_tracker_lookup(host + start[i], len - start[i], rest);
        if (row != NULL) {
            return row;
        }
    }

    last = start[n - 1];

    for (i = 0; i + 1 < n; i++) {
        size = start[i + 1] - start[i]; /* with its dot */
        memcpy(key, host + start[i], size);
        key[size] = '*';

        row = jm_tracker_lookup(key, size + 1, rest);
        if (row != NULL) {
            return row;
        }

        key[size + 1] = '.';
        memcpy(key + size + 2, host + last, len - last);

        row = jm_tracker_lookup(key, size + 2 + len - last, rest);
        if (row != NULL) {
            return row;
        }

        if (i + 2 < n) {
            size = start[i + 2] - start[i];
            memcpy(key, host + start[i], size);
            key[size] = '*';

            row = jm_tracker_lookup(key, size + 1, rest);
            if (row != NULL) {
                return row;
            }
        }
    }

    return NULL;
}


/* Rows for any host: found by a word of path or query. */
static const jm_tracker_row_t *
jm_tracker_by_word(jm_str_t rest)
{
    char                    key[34];
    size_t                  i, len, words;
    u_char                  c;
    const jm_tracker_row_t *row;

    key[0] = '/';
    len = 0;
    words = 0;

    for (i = 0; i <= rest.len && words < JM_TRACKER_MAX_WORDS; i++) {
        c = (i < rest.len) ? rest.data[i] : '/';

        if (c != '/' && c != '?' && c != '&' && c != '=') {
            if (c >= 'A' && c <= 'Z') {
                c |= 0x20;
            }

            if (len + 1 < sizeof(key)) {
                key[1 + len] = (char) c;
            }

            len++;
            continue;
        }

        if (len != 0 && len + 1 < sizeof(key)) {
            row = jm_tracker_lookup(key, 1 + len, rest);
            if (row != NULL) {
                return row;
            }

            words++;
        }

        len = 0;
    }

    return NULL;
}


const jm_tracker_rule_t *
jm_tracker_find(jm_str_t host, jm_str_t rest)
{
    char                    folded[JM_TRACKER_MAX_HOST];
    size_t                  len;
    const jm_tracker_row_t *row;

    if (host.len == 0 || host.len > JM_TRACKER_MAX_HOST) {
        return NULL;
    }

    if (rest.len > JM_TRACKER_MAX_REST) {
        rest.len = JM_TRACKER_MAX_REST;
    }

    row = jm_tracker_by_host((char *) host.data, host.len, rest);

    if (row == NULL) {
        len = jm_tracker_fold(folded, (char *) host.data, host.len);
        row = jm_tracker_by_host(folded, len, rest);
    }

    if (row == NULL) {
        row = jm_tracker_by_word(rest);
    }

    return row == NULL ? NULL : &row->rule;
}
