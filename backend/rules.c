/*
 * The search of rules.h: a hash table of rules by the hash of their key.  Two
 * keys with one hash do no harm, since a rule is always compared whole.
 */

#include "rules.h"

#include <stdlib.h>
#include <strings.h>

#include "pattern.h"

#define JM_RULES_STEPS  8000 /* of all patterns for one URL */
#define JM_RULES_SPREAD 65536

/* What a key is; the same word may be all three. */
enum jm_rules_space { HOST = 'h', LABEL = 'l', WORD = 'w' };

/* A search under way. */
typedef struct {
    const jm_rules_t *rules;
    jm_str_t          host;
    jm_str_t          rest;
    jm_rule_found_t  *found;
    size_t            nfound;
    unsigned          steps;
    unsigned          touched;
} jm_rules_run_t;

/* Calls back for each whole word of a rule's path. */
typedef void (*jm_rules_word_pt)(void *data, const char *word, size_t len);

static const char *const jm_rules_kinds[] = { "any", "prefix", "exact",
                                              "contains", "regex" };


static int
jm_rules_is_word(u_char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z')
           || (c >= 'a' && c <= 'z') || c == '_';
}


static u_char
jm_rules_lower(u_char c)
{
    return (c >= 'A' && c <= 'Z') ? (u_char) (c | 0x20) : c;
}


/* FNV-1a over the lower-case bytes. */
static uint32_t
jm_rules_hash(enum jm_rules_space space, const void *data, size_t len)
{
    size_t        i;
    uint32_t      hash;
    const u_char *p;

    p = data;
    hash = (2166136261u ^ (uint32_t) space) * 16777619u;

    for (i = 0; i < len; i++) {
        hash = (hash ^ jm_rules_lower(p[i])) * 16777619u;
    }

    return hash;
}


/* Each run of digits becomes "#", which is how hosts are hashed. */
static size_t
jm_rules_fold(char *out, jm_str_t host)
{
    size_t i, n;

    n = 0;

    for (i = 0; i < host.len; i++) {
        if (host.data[i] < '0' || host.data[i] > '9') {
            out[n++] = (char) host.data[i];

        } else if (n == 0 || out[n - 1] != '#') {
            out[n++] = '#';
        }
    }

    return n;
}


/* The whole of `host` against the whole of a list's host. */
static int
jm_rules_host_at(const char *pattern, const u_char *p, const u_char *end)
{
    while (*pattern != '\0') {
        if (*pattern == '#') {
            if (p == end || *p < '0' || *p > '9') {
                return 0;
            }

            while (p < end && *p >= '0' && *p <= '9') {
                p++;
            }

            pattern++;
            continue;
        }

        /* "*": one label or more; there is one in a host, at most */
        if (*pattern == '*') {
            for (pattern++; p < end; p++) {
                if ((p + 1 == end || p[1] == '.')
                    && jm_rules_host_at(pattern, p + 1, end)) {
                    return 1;
                }
            }

            return 0;
        }

        if (p == end || *p != (u_char) *pattern) {
            return 0;
        }

        p++;
        pattern++;
    }

    return p == end;
}


int
jm_rules_host(const char *pattern, int glob, jm_str_t host)
{
    const u_char *p, *end;

    p = host.data;
    end = p + host.len;

    while (p != end) {
        if (jm_rules_host_at(pattern, p, end)) {
            return 1;
        }

        /* and from the next label on */
        p = memchr(p, '.', (size_t) (end - p));

        if (p == NULL) {
            return 0;
        }

        p++;
    }

    return 0;
}


static int
jm_rules_path(jm_rules_run_t *run, const jm_rule_t *rule, jm_str_t *group)
{
    size_t   i, len;
    jm_str_t rest;

    rest = run->rest;
    len = strlen(rule->path);

    switch (rule->kind) {

    case JM_RULE_ANY:
        return 1;

    case JM_RULE_PREFIX:
        return rest.len >= len
               && strncasecmp((char *) rest.data, rule->path, len) == 0;

    case JM_RULE_EXACT:
        return rest.len >= len && memcmp(rest.data, rule->path, len) == 0;

    case JM_RULE_CONTAINS:
        for (i = 0; i + len <= rest.len; i++) {
            if (strncasecmp((char *) rest.data + i, rule->path, len) == 0) {
                return 1;
            }
        }

        return 0;

    default:
        return jm_pattern_search(rule->path, rest, &run->steps, group);
    }
}


/* All rules on one key. */
static void
jm_rules_lookup(jm_rules_run_t *run, enum jm_rules_space space,
                const void *key, size_t len)
{
    size_t           i;
    uint32_t         hash, n;
    jm_rule_t       *rule;
    jm_rule_found_t *found;

    hash = jm_rules_hash(space, key, len);

    for (n = run->rules->buckets[hash & run->rules->mask]; n != 0;
         n = rule->next) {
        rule = &run->rules->rules[n - 1];

        if (rule->hash != hash) {
            continue;
        }

        for (i = 0; i < run->nfound; i++) {
            if (run->found[i].rule == n - 1) {
                break;
            }
        }

        if (i < run->nfound || run->nfound == JM_RULES_FOUND) {
            continue;
        }

        run->touched++;
        found = &run->found[run->nfound];
        memset(found, 0, sizeof(jm_rule_found_t));
        found->rule = n - 1;

        if ((rule->host == NULL
             || jm_rules_host(rule->host, rule->glob, run->host))
            && jm_rules_path(run, rule, &found->group))
        {
            run->nfound++;
        }
    }
}


/* "a.b.c", "b.c", "c" for suffixes, "a", "b", "c" for globs. */
static void
jm_rules_by_host(jm_rules_run_t *run)
{
    char   folded[JM_RULES_HOST];
    size_t i, n, len, end;

    len = jm_rules_fold(folded, run->host);
    end = len;
    n = 0;

    /* from the right: the owner of a long host is told by its end */
    for (i = len; i > 0 && n < JM_RULES_LABELS; i--) {
        if (i > 1 && folded[i - 2] != '.') {
            continue;
        }

        jm_rules_lookup(run, HOST, folded + i - 1, len - i + 1);
        jm_rules_lookup(run, LABEL, folded + i - 1, end - i + 1);
        end = i - 2;
        n++;
    }
}


static void
jm_rules_by_word(jm_rules_run_t *run)
{
    size_t i, start, words;

    start = 0;
    words = 0;

    for (i = 0; i <= run->rest.len && words < JM_RULES_WORDS; i++) {
        if (i < run->rest.len && jm_rules_is_word(run->rest.data[i])) {
            continue;
        }

        if (i > start && i - start <= 64) {
            jm_rules_lookup(run, WORD, run->rest.data + start, i - start);
            words++;
        }

        start = i + 1;
    }
}


size_t
jm_rules_find(const jm_rules_t *rules, jm_str_t host, jm_str_t rest,
              jm_rule_found_t found[JM_RULES_FOUND], unsigned *touched)
{
    jm_rules_run_t run;

    if (host.len != 0 && host.data[host.len - 1] == '.') {
        host.len--;
    }

    if (host.len == 0 || host.len > JM_RULES_HOST || rules->buckets == NULL) {
        return 0;
    }

    memset(&run, 0, sizeof(jm_rules_run_t));
    run.rules = rules;
    run.host = host;
    run.rest = rest;
    run.found = found;
    run.steps = JM_RULES_STEPS;

    if (run.rest.len > JM_RULES_REST) {
        run.rest.len = JM_RULES_REST;
    }

    jm_rules_by_host(&run);
    jm_rules_by_word(&run);

    if (touched != NULL) {
        *touched = run.touched;
    }

    return run.nfound;
}


static const char *
jm_rules_check_host(const char *host, int glob)
{
    size_t      len;
    const char *p;

    len = strlen(host);

    if (len == 0 || len > JM_RULES_HOST || strspn(host, ".-") != 0
        || host[len - 1] == '.')
    {
        return "not a host";
    }

    for (p = host; *p != '\0'; p++) {
        if (!(*p >= 'a' && *p <= 'z') && !(*p >= '0' && *p <= '9')
            && strchr(glob ? ".-_#*" : ".-_#", *p) == NULL)
        {
            return "not a host in lower case";
        }
    }

    p = strchr(host, '*');

    if (!glob) {
        return NULL;
    }

    if (p == NULL || strchr(p + 1, '*') != NULL || (p != host && p[-1] != '.')
        || (p[1] != '\0' && p[1] != '.'))
    {
        return "a glob has one \"*\", which stands for labels";
    }

    return NULL;
}


const char *
jm_rules_add(jm_rules_t *rules, const char *host_match, const char *host,
             const char *path_match, const char *path)
{
    size_t      i, room;
    jm_rule_t   rule, *grown;
    const char *error;

    memset(&rule, 0, sizeof(jm_rule_t));
    rule.path = path;
    rule.glob = (strcmp(host_match, "glob") == 0);

    if (rule.glob || strcmp(host_match, "suffix") == 0) {
        error = jm_rules_check_host(host, rule.glob);
        if (error != NULL) {
            return error;
        }

        rule.host = host;

    } else if (strcmp(host_match, "any") != 0 || strcmp(host, "*") != 0) {
        return "host_match is suffix, glob or any (with host \"*\")";
    }

    for (i = 0; i < sizeof(jm_rules_kinds) / sizeof(jm_rules_kinds[0]); i++) {
        if (strcmp(path_match, jm_rules_kinds[i]) == 0) {
            break;
        }
    }

    if (i == sizeof(jm_rules_kinds) / sizeof(jm_rules_kinds[0])) {
        return "path_match is any, prefix, exact, contains or regex";
    }

    rule.kind = (jm_rule_path_t) i;

    if ((rule.kind == JM_RULE_ANY) != (*path == '\0')) {
        return "a path for any path, or none";
    }

    if (rule.host == NULL && rule.kind == JM_RULE_ANY) {
        return "matches every URL";
    }

    error = (rule.kind == JM_RULE_REGEX) ? jm_pattern_check(path) : NULL;

    if (error != NULL) {
        return error;
    }

    if (rules->nrules == JM_RULES_MAX) {
        return "too many rules";
    }

    if (rules->nrules == rules->room) {
        room = rules->room == 0 ? 256 : 2 * rules->room;
        grown = realloc(rules->rules, room * sizeof(jm_rule_t));

        if (grown == NULL) {
            return "no memory";
        }

        rules->rules = grown;
        rules->room = room;
    }

    rules->rules[rules->nrules++] = rule;

    return NULL;
}


/*
 * The words of a literal that stand alone in every URL it is found in: between
 * bytes that are none of a word.  `open` and `close`: its ends are such.
 */
static void
jm_rules_literal(const char *text, size_t len, int open, int close,
                 jm_rules_word_pt word, void *data)
{
    size_t i, start;

    start = 0;

    for (i = 0; i <= len; i++) {
        if (i < len && jm_rules_is_word((u_char) text[i])) {
            continue;
        }

        if (i > start && (start != 0 || open) && (i < len || close)) {
            word(data, text + start, i - start);
        }

        start = i + 1;
    }
}


/* The same for the literal parts of a pattern. */
static void
jm_rules_pattern(const char *pattern, jm_rules_word_pt word, void *data)
{
    int               open;
    char              text[512], c;
    size_t            len;
    const char       *p;
    jm_pattern_item_t item;

    open = (*pattern == '^');
    p = pattern + open;
    len = 0;

    while (*p != '\0' && len < sizeof(text)) {
        if (*p == '(' || *p == ')') {
            p++;
            continue;
        }

        if (*p == '$' && p[1] == '\0') {
            break;
        }

        p = jm_pattern_item(p, &item);
        c = item.set[item.set_len - 1];

        if (item.min == 1 && item.max == 1
            && (item.set[0] == '\\' || (item.set_len == 1 && c != '.')))
        {
            text[len++] = c;
            continue;
        }

        jm_rules_literal(text, len, open, 0, word, data);
        open = 0;
        len = 0;
    }

    jm_rules_literal(text, len, open, *p == '$', word, data);
}


static void
jm_rules_words(const jm_rule_t *rule, jm_rules_word_pt word, void *data)
{
    if (rule->kind == JM_RULE_REGEX) {
        jm_rules_pattern(rule->path, word, data);

    } else {
        jm_rules_literal(rule->path, strlen(rule->path),
                         rule->kind != JM_RULE_CONTAINS, 0, word, data);
    }
}


/* The choice of a word to hang a rule on. */
typedef struct {
    unsigned *count; /* of rules that have a word, by its hash */
    uint32_t  hash;
    unsigned  best;
} jm_rules_choice_t;


static void
jm_rules_count(void *data, const char *word, size_t len)
{
    jm_rules_choice_t *choice = data;

    choice->count[jm_rules_hash(WORD, word, len) % JM_RULES_SPREAD]++;
}


/* The rarest of its words. */
static void
jm_rules_choose(void *data, const char *word, size_t len)
{
    uint32_t           hash;
    unsigned           count;
    jm_rules_choice_t *choice = data;

    hash = jm_rules_hash(WORD, word, len);
    count = choice->count[hash % JM_RULES_SPREAD];

    if (choice->best == 0 || count < choice->best) {
        choice->best = count;
        choice->hash = hash;
    }
}


/* The longest label of a glob, for which "*" and the last do not count. */
static uint32_t
jm_rules_glob_hash(const char *host)
{
    size_t      len, longest, n;
    char        folded[JM_RULES_HOST + 1];
    jm_str_t    str;
    const char *p, *best;

    str.data = (u_char *) host;
    str.len = strlen(host);
    folded[jm_rules_fold(folded, str)] = '\0';
    best = folded;
    longest = 0;

    for (p = folded; *p != '\0'; p += n) {
        len = strcspn(p, ".");
        n = len + (p[len] == '.');

        if (*p != '*' && len > longest && (p[len] == '.' || longest == 0)) {
            best = p;
            longest = len;
        }
    }

    return jm_rules_hash(LABEL, best, longest);
}


/* Sets the key of a rule.  -1: it has none. */
static int
jm_rules_key(jm_rule_t *rule, unsigned *count)
{
    char              folded[JM_RULES_HOST];
    jm_str_t          host;
    jm_rules_choice_t choice;

    if (rule->host == NULL) {
        memset(&choice, 0, sizeof(jm_rules_choice_t));
        choice.count = count;
        jm_rules_words(rule, jm_rules_choose, &choice);
        rule->hash = choice.hash;

        return (choice.best == 0) ? -1 : 0;
    }

    if (rule->glob) {
        rule->hash = jm_rules_glob_hash(rule->host);
        return 0;
    }

    host.data = (u_char *) rule->host;
    host.len = strlen(rule->host);
    rule->hash = jm_rules_hash(HOST, folded, jm_rules_fold(folded, host));

    return 0;
}


/* Hangs a rule into its bucket, behind those that are there. */
static int
jm_rules_hang(jm_rules_t *rules, size_t n)
{
    unsigned  same;
    uint32_t *link;

    same = 0;
    link = &rules->buckets[rules->rules[n].hash & rules->mask];

    while (*link != 0) {
        same += (rules->rules[*link - 1].hash == rules->rules[n].hash);
        link = &rules->rules[*link - 1].next;
    }

    *link = (uint32_t) n + 1;

    return same < JM_RULES_PER_KEY ? 0 : -1;
}


long
jm_rules_index(jm_rules_t *rules)
{
    size_t            i, size;
    jm_rules_choice_t choice;

    memset(&choice, 0, sizeof(jm_rules_choice_t));
    choice.count = calloc(JM_RULES_SPREAD, sizeof(unsigned));

    for (size = 1024; size < 2 * rules->nrules; size *= 2) {
        /* void */
    }

    rules->buckets = calloc(size, sizeof(uint32_t));
    rules->mask = size - 1;

    if (rules->buckets == NULL || choice.count == NULL) {
        free(choice.count);
        return 0;
    }

    for (i = 0; i < rules->nrules; i++) {
        if (rules->rules[i].host == NULL) {
            jm_rules_words(&rules->rules[i], jm_rules_count, &choice);
        }
    }

    for (i = 0; i < rules->nrules; i++) {
        if (jm_rules_key(&rules->rules[i], choice.count) != 0
            || jm_rules_hang(rules, i) != 0)
        {
            break;
        }
    }

    free(choice.count);

    return (i < rules->nrules) ? (long) i : -1;
}


void
jm_rules_free(jm_rules_t *rules)
{
    free(rules->rules);
    free(rules->buckets);
    memset(rules, 0, sizeof(jm_rules_t));
}
