/*
 * Lists of facts: tables of tab-separated columns, the project's own built
 * into the program (backend/lists), the operator's read from a file.
 *
 * Called by trackers.c, redirect.c and params.c, once per process before the
 * first message.
 */

#ifndef JM_LISTS_H
#define JM_LISTS_H

#include <stddef.h>

#define JM_LIST_COLUMNS 12

/* Being read.  The cells point into the text, which is changed by that. */
typedef struct {
    const char *name; /* for messages: path of the file */
    char       *text;
    char       *next;
    unsigned    line;
    size_t      columns;
    char       *cell[JM_LIST_COLUMNS];
} jm_list_t;

/*
 * Opens one of our lists by its name ("trackers"), or the file `path`, whose
 * first line must name the columns `header`.  0, or -1 after saying why not.
 * The text is the caller's to free when no cell is needed any more.
 */
int jm_list_own(jm_list_t *list, const char *name, const char *header);
int jm_list_open(jm_list_t *list, const char *path, const char *header);

/* The next row that is not empty and no comment: 1, 0 at the end, -1 after
 * saying what is wrong with it. */
int jm_list_next(jm_list_t *list);

/* "junkmaild: <file>:<line>: <what>" to stderr; returns -1. */
int jm_list_error(const jm_list_t *list, const char *what);

#endif /* JM_LISTS_H */
