/*
 * The index of css_rules.h: a table of chains.  Rules with the same key are
 * one entry, the cascade among them settled when they are added, so an element
 * has as many look-ups as it has names.
 */

#include "css_rules.h"

#include "html_str.h"

#define JM_RULES_MAX         8192
#define JM_RULES_MAX_CHAIN   32 /* nobody can make all look-ups long ones */
#define JM_RULES_MAX_CLASSES 16

struct jm_rule_s {
    jm_rule_t   *next;
    jm_css_key_t key;
    jm_look_t   *always; /* NULL: nothing */
    jm_look_t   *sometimes;
};


void
jm_css_rules_init(jm_css_rules_t *rules, jm_arena_t *arena)
{
    memset(rules, 0, sizeof(jm_css_rules_t));
    rules->arena = arena;
}


static int
jm_css_rules_same(const jm_css_key_t *a, const jm_css_key_t *b)
{
    return a->kind == b->kind && a->tag == b->tag && a->name.len == b->name.len
           && (a->name.len == 0
               || memcmp(a->name.data, b->name.data, a->name.len) == 0);
}


/* FNV-1a */
static size_t
jm_css_rules_hash(const jm_css_key_t *key)
{
    size_t   i;
    uint32_t hash;

    hash = 2166136261u;
    hash = (hash ^ (uint32_t) key->kind) * 16777619u;
    hash = (hash ^ (uint32_t) key->tag) * 16777619u;

    for (i = 0; i < key->name.len; i++) {
        hash = (hash ^ key->name.data[i]) * 16777619u;
    }

    return (hash ^ hash >> 16) % JM_RULES_BUCKETS;
}


static jm_rule_t *
jm_css_rules_get(const jm_css_rules_t *rules, const jm_css_key_t *key)
{
    jm_rule_t *rule;

    for (rule = rules->bucket[jm_css_rules_hash(key)]; rule != NULL;
         rule = rule->next)
    {
        if (jm_css_rules_same(&rule->key, key)) {
            return rule;
        }
    }

    return NULL;
}


static jm_rule_t *
jm_css_rules_new(jm_css_rules_t *rules, const jm_css_key_t *key)
{
    size_t     hash, n;
    jm_rule_t *rule;

    hash = jm_css_rules_hash(key);
    n = 0;

    for (rule = rules->bucket[hash]; rule != NULL; rule = rule->next) {
        n++;
    }

    if (rules->n == JM_RULES_MAX || n == JM_RULES_MAX_CHAIN) {
        return NULL;
    }

    rule = jm_arena_alloc(rules->arena, sizeof(jm_rule_t));
    rule->key = *key;
    rule->next = rules->bucket[hash];
    rules->bucket[hash] = rule;
    rules->n++;

    return rule;
}


/* Importance, specificity and order as one number (css_look.h). */
static uint32_t
jm_css_rules_rank(uint32_t rank, uint32_t specificity, unsigned order)
{
    if (specificity > 0x3FFF) {
        specificity = 0x3FFF;
    }

    return (rank & JM_LOOK_IMPORTANT) | specificity << 16 | (order & 0xFFFF);
}


void
jm_css_rules_add(jm_css_rules_t *rules, const jm_css_keys_t *keys,
                 const jm_look_t *look, int sometimes)
{
    size_t              i, n, set;
    jm_look_t           ranked, **target;
    jm_rule_t          *rule;
    const jm_css_key_t *key;

    rules->order++;
    set = 0;

    for (i = 0; i < JM_LOOK_NFIELDS; i++) {
        set += (look->rank[i] != 0);
    }

    for (n = 0; n < keys->nkeys && set != 0; n++) {
        key = &keys->key[n];
        rule = jm_css_rules_get(rules, key);

        if (rule == NULL) {
            rule = jm_css_rules_new(rules, key);
        }

        if (rule == NULL) {
            continue;
        }

        target = sometimes ? &rule->sometimes : &rule->always;

        if (*target == NULL) {
            *target = jm_arena_alloc(rules->arena, sizeof(jm_look_t));
        }

        ranked = *look;

        for (i = 0; i < JM_LOOK_NFIELDS; i++) {
            if (ranked.rank[i] != 0) {
                ranked.rank[i] = jm_css_rules_rank(
                    ranked.rank[i], key->specificity, rules->order);
            }
        }

        jm_look_merge(*target, &ranked);
    }
}


static void
jm_css_rules_apply(const jm_css_rules_t *rules, const jm_css_key_t *key,
                   jm_look_t *always, jm_look_t *sometimes)
{
    jm_rule_t *rule;

    rule = jm_css_rules_get(rules, key);

    if (rule != NULL && rule->always != NULL) {
        jm_look_merge(always, rule->always);
    }

    if (rule != NULL && rule->sometimes != NULL) {
        jm_look_merge(sometimes, rule->sometimes);
    }
}


/* For the element of that name, and for any. */
static void
jm_css_rules_apply_both(const jm_css_rules_t *rules, jm_css_key_t *key,
                        jm_tag_t tag, jm_look_t *always, jm_look_t *sometimes)
{
    key->tag = JM_TAG_none;
    jm_css_rules_apply(rules, key, always, sometimes);
    key->tag = tag;
    jm_css_rules_apply(rules, key, always, sometimes);
}


void
jm_css_rules_find(const jm_css_rules_t *rules, jm_tag_t tag,
                  jm_str_t class_names, jm_str_t id, jm_look_t *always,
                  jm_look_t *sometimes)
{
    size_t       i, n;
    jm_css_key_t key;

    if (rules->n == 0) {
        return;
    }

    memset(&key, 0, sizeof(jm_css_key_t));
    key.kind = JM_KEY_TAG;
    jm_css_rules_apply_both(rules, &key, tag, always, sometimes);

    key.kind = JM_KEY_CLASS;
    n = 0;

    for (i = 0; i < class_names.len && n < JM_RULES_MAX_CLASSES; i++) {
        if (jm_html_space(class_names.data[i])) {
            continue;
        }

        key.name.data = class_names.data + i;

        while (i < class_names.len && !jm_html_space(class_names.data[i])) {
            i++;
        }

        key.name.len = (size_t) (class_names.data + i - key.name.data);
        jm_css_rules_apply_both(rules, &key, tag, always, sometimes);
        n++;
    }

    if (id.len != 0) {
        key.kind = JM_KEY_ID;
        key.name = id;
        jm_css_rules_apply_both(rules, &key, tag, always, sometimes);
    }
}
