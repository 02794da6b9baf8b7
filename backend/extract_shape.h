/*
 * What in a text is shaped like a one-time code: its words, and of each
 * whether it could be one, whatever the words around it say.  Called by
 * extract.c; nothing is allocated, all pointers are into the caller's text.
 */

#ifndef JM_EXTRACT_SHAPE_H
#define JM_EXTRACT_SHAPE_H

#include "jm_str.h"

#define JM_CODE_LENGTH 40 /* bytes of the longest */

typedef struct {
    u_char code[JM_CODE_LENGTH];
    size_t len;
    int    letters; /* nothing else */
    int    phrase;  /* words with dashes between them */
    int    points;
} jm_code_t;

/* A word of the text: what stands between white space. */
typedef struct {
    const u_char *start; /* without the punctuation around it */
    const u_char *end;
    const u_char *next;   /* where the search for the next one begins */
    int           marked; /* '#', '+', a currency sign stood before it */
} jm_code_word_t;

/* An ASCII letter or digit? */
int jm_code_alnum(int c);

/* Does what lies between `p` and `end` begin with `word`? */
int jm_code_starts(const u_char *p, const u_char *end, const char *word);

/* The next word from `p`, or 0 at the end. */
int jm_code_next(jm_code_word_t *word, const u_char *p, const u_char *end);

int jm_code_all_digits(const jm_code_word_t *word);

/* A code in one word.  Fills `code` with what a person would type. */
int jm_code_shape(jm_code_t *code, const u_char *p, const u_char *end);

/*
 * Digits set apart: "123 456", "12 34 56", or single ones as in "1 2 3 4 5 6".
 * Extends `word` over all of them; 0 when there is no such row, or a longer
 * one (a telephone number).
 */
int jm_code_spaced(jm_code_t *code, jm_code_word_t *word, const u_char *end);

/* What is counted, not typed: money, points.  Before a number or behind it. */
int jm_code_unit(const u_char *p, const u_char *end);

/* Does the number go on in the next word, or say what it counts? */
int jm_code_counts(const jm_code_word_t *word, const u_char *end);

#endif /* JM_EXTRACT_SHAPE_H */
