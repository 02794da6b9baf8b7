/*
 * The lists of lists.h.
 */

#include "lists.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define JM_LIST_MAX (4 * 1024 * 1024) /* of an operator's file */

/* The file as it is, into the program. */
#define JM_LIST(name)                                                         \
    __asm__(".pushsection .rodata\n"                                          \
            "jm_list_" #name ":\n"                                            \
            ".incbin \"backend/lists/" #name ".tsv\"\n"                       \
            "jm_list_" #name "_end:\n"                                        \
            ".popsection\n");                                                 \
    extern const char jm_list_##name[] __attribute__((visibility("hidden"))); \
    extern const char jm_list_##name##_end[]                                  \
        __attribute__((visibility("hidden")));

JM_LIST(trackers)
JM_LIST(redirectors)
JM_LIST(params)

typedef struct {
    const char *name;
    const char *path;
    const char *start;
    const char *end;
} jm_list_own_t;

static const jm_list_own_t jm_lists[] = {
    { "trackers", "backend/lists/trackers.tsv", jm_list_trackers,
      jm_list_trackers_end },
    { "redirectors", "backend/lists/redirectors.tsv", jm_list_redirectors,
      jm_list_redirectors_end },
    { "params", "backend/lists/params.tsv", jm_list_params,
      jm_list_params_end },
};


int
jm_list_error(const jm_list_t *list, const char *what)
{
    fprintf(stderr, "junkmaild: %s:%u: %s\n", list->name, list->line, what);

    return -1;
}


/* Looks at the first line. */
static int
jm_list_begin(jm_list_t *list, const char *header)
{
    size_t      len;
    const char *p;

    list->next = list->text;
    list->line = 1;
    list->columns = 1;

    for (p = header; *p != '\0'; p++) {
        list->columns += (*p == '\t');
    }

    len = strlen(header);

    if (strncmp(list->text, header, len) != 0
        || (list->text[len] != '\n' && list->text[len] != '\r'
            && list->text[len] != '\0'))
    {
        jm_list_error(list, "the first line does not name the columns");
        free(list->text);
        return -1;
    }

    list->next += strcspn(list->next, "\n");
    list->next += (*list->next == '\n');

    return 0;
}


int
jm_list_own(jm_list_t *list, const char *name, const char *header)
{
    size_t               i;
    const jm_list_own_t *own;

    memset(list, 0, sizeof(jm_list_t));

    for (i = 0; i < sizeof(jm_lists) / sizeof(jm_lists[0]); i++) {
        own = &jm_lists[i];

        if (strcmp(own->name, name) == 0) {
            list->name = own->path;
            list->text = strndup(own->start, (size_t) (own->end - own->start));
        }
    }

    return (list->text == NULL) ? -1 : jm_list_begin(list, header);
}


int
jm_list_open(jm_list_t *list, const char *path, const char *header)
{
    FILE  *file;
    size_t len;

    memset(list, 0, sizeof(jm_list_t));
    list->name = path;
    file = fopen(path, "re");

    if (file == NULL) {
        fprintf(stderr, "junkmaild: %s: %s\n", path, strerror(errno));
        return -1;
    }

    list->text = malloc(JM_LIST_MAX + 1);
    len = (list->text == NULL) ? 0 : fread(list->text, 1, JM_LIST_MAX, file);

    if (list->text == NULL || ferror(file) || !feof(file)) {
        fprintf(stderr, "junkmaild: %s: cannot be read, or is too long\n",
                path);
        free(list->text);
        fclose(file);
        return -1;
    }

    fclose(file);
    list->text[len] = '\0';

    if (strlen(list->text) != len) {
        fprintf(stderr, "junkmaild: %s: a NUL character\n", path);
        free(list->text);
        return -1;
    }

    return jm_list_begin(list, header);
}


int
jm_list_next(jm_list_t *list)
{
    char  *p, *end;
    size_t n;

    do {
        p = list->next;

        if (*p == '\0') {
            return 0;
        }

        list->line++;
        end = p + strcspn(p, "\n");
        list->next = end + (*end == '\n');
        *end = '\0';

        if (end > p && end[-1] == '\r') {
            end[-1] = '\0';
        }
    } while (*p == '\0' || *p == '#');

    for (n = 0; n < list->columns; n++) {
        list->cell[n] = p;
        p += strcspn(p, "\t");

        if (*p == '\0') {
            break;
        }

        *p++ = '\0';
    }

    if (n + 1 != list->columns) {
        return jm_list_error(list, "too few columns, or too many");
    }

    return 1;
}
