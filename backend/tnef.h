/*
 * Outlook's winmail.dat (MS-OXTNEF): the files in it and the text it carries.
 * Called by mime_walk.c.  Pure C and bounded; contents are slices of the data
 * or in the caller's arena.
 */

#ifndef JM_TNEF_H
#define JM_TNEF_H

#include "arena.h"

#define JM_TNEF_FILES 100

typedef struct {
    jm_str_t name; /* as sent: bytes of some charset, or UTF-8; may be empty */
    jm_str_t type; /* likewise */
    jm_str_t content_id;
    jm_str_t data;
} jm_tnef_file_t;

typedef struct {
    jm_tnef_file_t files[JM_TNEF_FILES];
    size_t         nfiles;
    jm_str_t       html;     /* bytes of HTML, empty if there is none */
    jm_str_t       text;     /* likewise of text */
    unsigned       rich : 1; /* rich text was read: only the first is */
    unsigned       cut : 1;
} jm_tnef_t;

/* 0, or -1 when `data` is no such thing. */
int jm_tnef_read(jm_tnef_t *tnef, jm_arena_t *arena, jm_str_t data);

#endif /* JM_TNEF_H */
