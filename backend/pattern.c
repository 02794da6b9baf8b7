/*
 * The patterns of pattern.h, by backtracking: the lists are ours or the
 * operator's, the strings a stranger's, so the steps are counted.
 */

#include "pattern.h"

#include <stdint.h>

#define JM_PATTERN_MAX 256 /* its length, and so the depth of recursion */

/* One search. */
typedef struct {
    unsigned     *steps;
    const u_char *end;
    const u_char *from; /* of the group */
    const u_char *to;
} jm_pattern_run_t;


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


static const char *
jm_pattern_number(const char *p, unsigned *number)
{
    *number = 0;

    while (*p >= '0' && *p <= '9') {
        if (*number < 10000) {
            *number = *number * 10 + (unsigned) (*p - '0');
        }

        p++;
    }

    return p;
}


const char *
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
        p = jm_pattern_number(p + 1, &item->min);
        item->max = item->min;

        if (*p == ',') {
            p = jm_pattern_number(p + 1, &item->max);

            if (item->max == 0) {
                item->max = UINT32_MAX;
            }
        }

        return p + 1;
    }

    return p;
}


/* One item of a pattern that may be wrong, as jm_pattern_item() will read it.
 * NULL: it is. */
static const char *
jm_pattern_check_item(const char *p)
{
    if (*p == '[') {
        p = (p[1] == '\0') ? NULL : strchr(p + 2, ']');
        if (p == NULL) {
            return NULL;
        }

    } else if (*p == '\\') {
        p++;
        if (*p == '\0') {
            return NULL;
        }

    } else if (strchr("?*+{}|)", *p) != NULL) {
        return NULL;
    }

    p++;

    if (*p == '{') {
        p++;
        p += strspn(p, "0123456789");
        p += (*p == ',');
        p += strspn(p, "0123456789");

        return (*p == '}' && p[-1] != '{') ? p + 1 : NULL;
    }

    return (*p != '\0' && strchr("?*+", *p) != NULL) ? p + 1 : p;
}


const char *
jm_pattern_check(const char *pattern)
{
    int         opened, closed;
    const char *p;

    if (strlen(pattern) > JM_PATTERN_MAX) {
        return "the pattern is too long";
    }

    opened = 0;
    closed = 0;
    p = pattern + (*pattern == '^');

    while (*p != '\0' && !(*p == '$' && p[1] == '\0')) {
        if (*p == '(' && !opened) {
            opened = 1;
            p++;
            continue;
        }

        if (*p == ')' && opened && !closed) {
            closed = 1;
            p++;
            continue;
        }

        p = jm_pattern_check_item(p);

        if (p == NULL || *p == '^') {
            return "not a pattern as the README describes them";
        }
    }

    return (opened == closed) ? NULL : "the group is not closed";
}


/* Matches at the start of `s`. */
static int
jm_pattern_match(jm_pattern_run_t *run, const char *pattern, const u_char *s)
{
    unsigned          n;
    const char       *next;
    const u_char     *from;
    jm_pattern_item_t item;

    for (;;) {
        if (*pattern == '(') {
            run->from = s;
            pattern++;

        } else if (*pattern == ')') {
            run->to = s;
            pattern++;

        } else {
            break;
        }
    }

    if (*pattern == '\0') {
        return 1;
    }

    if (*pattern == '$' && pattern[1] == '\0') {
        return s == run->end;
    }

    next = jm_pattern_item(pattern, &item);

    for (n = 0; n < item.min; n++, s++) {
        if (s == run->end || !jm_pattern_has(&item, *s)) {
            return 0;
        }
    }

    /* the longest first; most sets end at a "/" */
    from = s;

    for (/* void */; n < item.max && s < run->end; n++, s++) {
        if (!jm_pattern_has(&item, *s)) {
            break;
        }
    }

    for (/* void */; /* void */; s--) {
        if (*run->steps == 0) {
            return 0;
        }

        --*run->steps;

        if (jm_pattern_match(run, next, s)) {
            return 1;
        }

        if (s == from) {
            return 0;
        }
    }
}


int
jm_pattern_search(const char *pattern, jm_str_t str, unsigned *steps,
                  jm_str_t *group)
{
    int              found;
    const u_char    *s;
    jm_pattern_run_t run;

    memset(&run, 0, sizeof(jm_pattern_run_t));
    run.steps = steps;
    run.end = str.data + str.len;

    if (*pattern == '^') {
        found = jm_pattern_match(&run, pattern + 1, str.data);

    } else {
        found = 0;

        for (s = str.data; s < run.end && !found && *steps != 0; s++) {
            found = jm_pattern_match(&run, pattern, s);
        }
    }

    if (found && group != NULL && run.to != NULL) {
        group->data = (u_char *) run.from;
        group->len = (size_t) (run.to - run.from);
    }

    return found;
}
