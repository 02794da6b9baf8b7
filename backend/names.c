/*
 * The index of names.h: open addressing, the tables being small and fixed.
 */

#include "names.h"


static u_char
jm_names_lower(u_char c)
{
    return (c >= 'A' && c <= 'Z') ? c | 0x20 : c;
}


/* FNV-1a, the same for capitals and small letters. */
static size_t
jm_names_hash(const u_char *name, size_t len)
{
    size_t   i;
    uint32_t hash;

    hash = 2166136261u;

    for (i = 0; i < len; i++) {
        hash = (hash ^ (name[i] | 0x20u)) * 16777619u;
    }

    return (hash ^ hash >> 16) % JM_NAMES_SLOTS;
}


static const char *const *
jm_names_row(const jm_names_t *names, size_t row)
{
    return (const void *) ((const u_char *) names->rows + row * names->size);
}


static void
jm_names_make(jm_names_t *names)
{
    size_t           row, slot, len;
    const char      *name;
    jm_names_slot_t *free_slot;

    for (row = 0; row < names->nrows; row++) {
        name = *jm_names_row(names, row);
        len = strlen(name);
        slot = jm_names_hash((const u_char *) name, len);

        while (names->slots[slot].row != 0) {
            slot = (slot + 1) % JM_NAMES_SLOTS;
        }

        free_slot = &names->slots[slot];
        free_slot->row = (uint16_t) (row + 1);
        free_slot->len = (uint16_t) len;
    }

    names->made = 1;
}


static int
jm_names_same(const char *row, jm_str_t name)
{
    size_t i;

    for (i = 0; i < name.len; i++) {
        if (jm_names_lower(name.data[i]) != (u_char) row[i]) {
            return 0;
        }
    }

    return 1;
}


const void *
jm_names_find(jm_names_t *names, jm_str_t name)
{
    size_t                 i;
    const char *const     *row;
    const jm_names_slot_t *slot;

    if (!names->made) {
        jm_names_make(names);
    }

    for (i = jm_names_hash(name.data, name.len); names->slots[i].row != 0;
         i = (i + 1) % JM_NAMES_SLOTS)
    {
        slot = &names->slots[i];
        row = jm_names_row(names, slot->row - 1u);

        if (slot->len == name.len && jm_names_same(*row, name)) {
            return row;
        }
    }

    return NULL;
}
