/*
 * Plain text for people: the writer that lays out a tree's text in lines, and
 * the search for web addresses in a text.
 *
 * Called by html_text.c, html_judge.c, html_link.c and html_image.c, the
 * search by html_plain.c.  Pure C; everything lives in the buffer's arena.
 */

#ifndef JM_TEXT_H
#define JM_TEXT_H

#include <stdint.h>

#include "arena.h"

#define JM_TEXT_MAX_QUOTES 10

/* What a character is in a line. */
#define JM_TEXT_SHOWN 0
#define JM_TEXT_SPACE 1 /* space of any kind */
#define JM_TEXT_FILLER                                                        \
    2 /* without a glyph of its own: newsletters pad their                    \
         preview with hundreds of them */

int jm_text_class(uint32_t c);

/*
 * Is a character at `p` that turns the order of the letters round (U+202A to
 * U+202E, U+2066 to U+2069)?  It has three bytes.
 */
int jm_text_turns(const u_char *p, const u_char *end);

typedef struct {
    jm_buf_t buf;
    unsigned breaks; /* line ends due before the next character */
    unsigned quotes; /* depth of quotation */
    unsigned gap;    /* the lowest depth while breaks are due */
    unsigned lists;  /* depth of lists */
    size_t   row;    /* where the table row begins, SIZE_MAX outside */
    size_t   link;   /* where the last link ended */
    unsigned space : 1;
    unsigned tab : 1;
    unsigned line : 1; /* something stands on the current line */
} jm_text_t;

/* `limit`: bytes; what is beyond is dropped. */
void jm_text_init(jm_text_t *text, jm_arena_t *arena, size_t limit);

/* Text of the mail: runs of space become one, invisible fillers go. */
void jm_text_add(jm_text_t *text, jm_str_t str);

/* Preformatted text: lines and spaces are kept. */
void jm_text_add_lines(jm_text_t *text, jm_str_t str);

/* Words of ours, as they are. */
void jm_text_adds(jm_text_t *text, const char *s);

/* At least `lines` line ends before what comes next; none at the start. */
void jm_text_break(jm_text_t *text, unsigned lines);

/* A line end that counts, such as that of br. */
void jm_text_newline(jm_text_t *text);

/* Quotation and lists begin and end: marks and indentation of the lines. */
void jm_text_quote(jm_text_t *text, int depth);
void jm_text_list(jm_text_t *text, int depth);

/* Something to stand behind what is there already, before any break. */
void jm_text_tail(jm_text_t *text, jm_str_t str);

/* A table row begins or ends; a cell begins, beside those before it if what is
 * in them is short. */
void jm_text_row(jm_text_t *text, int begins);
void jm_text_cell(jm_text_t *text);

/* A link begins or ends: two side by side are two words. */
void jm_text_link(jm_text_t *text, int begins);

/* The whole, without the space at its end. */
jm_str_t jm_text_str(jm_text_t *text);

/* Takes one line off the front of `rest`, which is not empty; without its end.
 */
jm_str_t jm_text_line(jm_str_t *rest);

/*
 * The next "http://…", "https://…" or "www.…" at or after `from`.  Returns its
 * length, punctuation at the end left out, and its place in `start`; 0 if
 * there is none.
 */
size_t jm_text_find_url(jm_str_t text, size_t from, size_t *start);

/* The next "name@host.example", likewise. */
size_t jm_text_find_mail(jm_str_t text, size_t from, size_t *start);

#endif /* JM_TEXT_H */
