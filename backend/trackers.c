/*
 * The tracker table of trackers.h: rows of backend/lists/trackers.tsv and of
 * the operator's file, in the order of the files.
 */

#include "trackers.h"

#include <stdlib.h>
#include <zlib.h>

#include "lists.h"
#include "rules.h"

#define JM_TRACKER_HEADER                                                     \
    "vendor\tclass\thost_match\thost\tpath_match\tpath\tconfidence\tsources"  \
    "\tnote"

enum {
    VENDOR,
    CLASS,
    HOST_MATCH,
    HOST,
    PATH_MATCH,
    PATH,
    CONFIDENCE,
    SOURCES
};

typedef struct {
    jm_rules_t        rules;
    jm_tracker_rule_t facts[JM_RULES_MAX];
    unsigned          line[JM_RULES_MAX];
    char             *text[2]; /* of the two files; the facts point into it */
    uint32_t          version; /* CRC of the operator's rows */
} jm_trackers_t;

static jm_trackers_t *jm_trackers;

static const char *const jm_tracker_levels[] = { "low", "medium", "high" };


static void
jm_tracker_free(jm_trackers_t *t)
{
    if (t != NULL) {
        jm_rules_free(&t->rules);
        free(t->text[0]);
        free(t->text[1]);
        free(t);
    }
}


static int
jm_tracker_row(jm_trackers_t *t, const jm_list_t *list)
{
    size_t             i, n;
    const char        *error;
    jm_tracker_rule_t *fact;

    n = t->rules.nrules;

    for (i = 0; i <= JM_TRACKER_HIGH; i++) {
        if (strcmp(list->cell[CONFIDENCE], jm_tracker_levels[i]) == 0) {
            break;
        }
    }

    if (i > JM_TRACKER_HIGH) {
        return jm_list_error(list, "confidence is low, medium or high");
    }

    if (list->cell[VENDOR][0] == '\0' || strlen(list->cell[VENDOR]) > 64) {
        return jm_list_error(list, "vendor is a name, or \"(generic)\"");
    }

    error = jm_rules_add(&t->rules, list->cell[HOST_MATCH], list->cell[HOST],
                         list->cell[PATH_MATCH], list->cell[PATH]);

    if (error != NULL) {
        return jm_list_error(list, error);
    }

    fact = &t->facts[n];
    fact->confidence = (jm_confidence_t) i;
    fact->source = list->cell[SOURCES];
    fact->host_only = (list->cell[PATH][0] == '\0');
    t->line[n] = list->line;

    if (strcmp(list->cell[VENDOR], "(generic)") != 0) {
        fact->vendor = list->cell[VENDOR];
    }

    return 0;
}


/* Rows until the end of the list. */
static int
jm_tracker_rows(jm_trackers_t *t, jm_list_t *list)
{
    int rc;

    while ((rc = jm_list_next(list)) > 0) {
        if (jm_tracker_row(t, list) != 0) {
            return -1;
        }
    }

    return rc;
}


int
jm_tracker_load(const char *path)
{
    long           bad;
    size_t         own;
    jm_list_t      list;
    jm_trackers_t *t;

    t = calloc(1, sizeof(jm_trackers_t));

    if (t == NULL || jm_list_own(&list, "trackers", JM_TRACKER_HEADER) != 0) {
        free(t);
        return -1;
    }

    t->text[0] = list.text;

    if (jm_tracker_rows(t, &list) != 0) {
        jm_tracker_free(t);
        return -1;
    }

    own = t->rules.nrules;

    if (path != NULL) {
        if (jm_list_open(&list, path, JM_TRACKER_HEADER) != 0) {
            jm_tracker_free(t);
            return -1;
        }

        t->text[1] = list.text;
        t->version = crc32(0, (u_char *) list.next, strlen(list.next));

        if (jm_tracker_rows(t, &list) != 0) {
            jm_tracker_free(t);
            return -1;
        }
    }

    bad = jm_rules_index(&t->rules);

    if (bad >= 0) {
        list.line = t->line[bad];
        list.name = (size_t) bad < own ? "backend/lists/trackers.tsv" : path;
        jm_list_error(&list, "no host and no whole word of the path to find "
                             "it by, or too many rows have the same");
        jm_tracker_free(t);
        return -1;
    }

    jm_tracker_free(jm_trackers);
    jm_trackers = t;

    return 0;
}


uint32_t
jm_tracker_version(void)
{
    return jm_trackers == NULL ? 0 : jm_trackers->version;
}


void
jm_tracker_init(void)
{
    if (jm_trackers == NULL && jm_tracker_load(NULL) != 0) {
        abort(); /* our own list, which the tests read */
    }
}


const jm_tracker_rule_t *
jm_tracker_find(jm_str_t host, jm_str_t rest, unsigned *touched)
{
    size_t                   i, n;
    jm_rule_found_t          found[JM_RULES_FOUND];
    const jm_tracker_rule_t *rule, *best;

    best = NULL;
    n = (jm_trackers == NULL)
            ? 0
            : jm_rules_find(&jm_trackers->rules, host, rest, found, touched);

    for (i = 0; i < n; i++) {
        rule = &jm_trackers->facts[found[i].rule];

        if (best == NULL || rule->confidence > best->confidence
            || (rule->confidence == best->confidence && best->vendor == NULL))
        {
            best = rule;
        }
    }

    return best;
}
