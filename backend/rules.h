/*
 * Rules about URLs, found by what a URL holds: each rule hangs on one key (its
 * host, a label of its host, a word of its path), each URL is looked up by its
 * own labels and words, of which a limited number is looked at, and at most
 * JM_RULES_PER_KEY rules hang on one key.  So a look-up costs the same however
 * many rules there are.
 *
 * Called by trackers.c and redirect.c, which know what their rules mean.  Made
 * once per process, before the first message; memory is malloc's.
 */

#ifndef JM_RULES_H
#define JM_RULES_H

#include <stdint.h>

#include "jm_str.h"

#define JM_RULES_MAX     20000
#define JM_RULES_PER_KEY 24
#define JM_RULES_FOUND   16 /* of one URL */

/* What of a long URL is looked at; no rule needs more. */
#define JM_RULES_HOST   253
#define JM_RULES_REST   2048
#define JM_RULES_LABELS 10
#define JM_RULES_WORDS  64

typedef enum {
    JM_RULE_ANY,      /* the host says it all */
    JM_RULE_PREFIX,   /* path and query begin so, whatever the case */
    JM_RULE_EXACT,    /* the same, case included */
    JM_RULE_CONTAINS, /* somewhere in path and query, whatever the case */
    JM_RULE_REGEX     /* pattern.h */
} jm_rule_path_t;

/* The strings must live as long as the rules. */
typedef struct {
    const char    *host; /* see README, "Lists"; NULL: any */
    unsigned       glob : 1;
    jm_rule_path_t kind;
    const char    *path;
    uint32_t       hash; /* of its key */
    uint32_t       next; /* in its bucket, plus one */
} jm_rule_t;

typedef struct {
    jm_rule_t *rules;
    size_t     nrules;
    size_t     room;
    uint32_t  *buckets; /* NULL until jm_rules_index() */
    size_t     mask;
} jm_rules_t;

typedef struct {
    uint32_t rule;  /* in the order of adding, from 0 */
    jm_str_t group; /* of its pattern */
} jm_rule_found_t;

/*
 * Adds a rule with the words that the lists use.  Returns NULL, or what is
 * wrong with it.
 */
const char *jm_rules_add(jm_rules_t *rules, const char *host_match,
                         const char *host, const char *path_match,
                         const char *path);

/*
 * Makes the rules searchable.  Returns -1, or the number of a rule that cannot
 * be found fast enough.
 */
long jm_rules_index(jm_rules_t *rules);

void jm_rules_free(jm_rules_t *rules);

/*
 * The rules that a URL matches: `host` in lower case without port, `rest` its
 * path, query and fragment.  `touched`, which may be NULL, is how many were
 * looked at.
 */
size_t jm_rules_find(const jm_rules_t *rules, jm_str_t host, jm_str_t rest,
                     jm_rule_found_t found[JM_RULES_FOUND], unsigned *touched);

/* Does the host, or it and what is above it, match one of the lists' hosts? */
int jm_rules_host(const char *pattern, int glob, jm_str_t host);

#endif /* JM_RULES_H */
