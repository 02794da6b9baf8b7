/*
 * The shapes of one-time codes (extract_shape.h): "123456", "123 456",
 * "G-123456", "X7K9-2QPL", "kT7mPq2x", "paint-sugar-river-clock", and of what
 * is none: money and what else is counted.
 */

#include "extract_shape.h"

#include "jm_fold.h"

/* What a word that may be a code is made of. */
typedef struct {
    size_t len;
    size_t digits, upper, lower, dashes;
    size_t changes; /* of the kind of character */
    size_t groups;  /* lengths of what the dashes part, four bits each */
} jm_code_form_t;


static const char *const jm_code_units[] = {
#define WORD(word, points, flags)
#define OTHER(word, flags)
#define UNIT(word) word,
#define MARK(sign)
#define ACTION(word)
#define LEAVE(word)
#include "extract_words.def"
};

static const char *const jm_code_marks[] = {
#define WORD(word, points, flags)
#define OTHER(word, flags)
#define UNIT(word)
#define MARK(sign) sign,
#define ACTION(word)
#define LEAVE(word)
#include "extract_words.def"
};

#define JM_CODE_UNITS (sizeof(jm_code_units) / sizeof(jm_code_units[0]))
#define JM_CODE_MARKS (sizeof(jm_code_marks) / sizeof(jm_code_marks[0]))


int
jm_code_alnum(int c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z')
           || (c >= 'a' && c <= 'z');
}


int
jm_code_starts(const u_char *p, const u_char *end, const char *word)
{
    size_t len;

    len = strlen(word);

    return (size_t) (end - p) >= len && memcmp(p, word, len) == 0;
}


/* Bytes of what parts two words: white space, and the characters of scripts
 * that put none between theirs and ours (from U+3000 on). */
static size_t
jm_code_gap(const u_char *p, const u_char *end)
{
    if (*p <= 0x20) {
        return 1;
    }

    if (end - p > 1 && p[0] == 0xc2 && p[1] == 0xa0) {
        return 2;
    }

    return end - p > 2 && ((*p >= 0xe3 && *p <= 0xed) || *p == 0xef) ? 3 : 0;
}


/* A currency sign or a mark that makes the number beside it no code. */
static int
jm_code_mark(const u_char *p, const u_char *end)
{
    size_t i;

    for (i = 0; i < JM_CODE_MARKS; i++) {
        if (jm_code_starts(p, end, jm_code_marks[i])) {
            return 1;
        }
    }

    return 0;
}


int
jm_code_next(jm_code_word_t *word, const u_char *p, const u_char *end)
{
    const u_char *stop;

    while (p < end && jm_code_gap(p, end) != 0) {
        p += jm_code_gap(p, end);
    }

    if (p == end) {
        return 0;
    }

    for (stop = p; stop < end && jm_code_gap(stop, end) == 0; stop++) {
        /* void */
    }

    word->next = stop;
    word->marked = 0;

    while (p < stop && !jm_code_alnum(*p)) {
        word->marked |= jm_code_mark(p, stop);
        p++;
    }

    while (stop > p && !jm_code_alnum(stop[-1])) {
        stop--;
    }

    word->start = p;
    word->end = stop;

    while (stop < word->next) {
        word->marked |= jm_code_mark(stop, word->next);
        stop++;
    }

    return 1;
}


static size_t
jm_code_digits(const u_char *p, const u_char *end)
{
    size_t n;

    for (n = 0; p + n < end && p[n] >= '0' && p[n] <= '9'; n++) {
        /* void */
    }

    return n;
}


int
jm_code_all_digits(const jm_code_word_t *word)
{
    return word->end > word->start
           && word->start + jm_code_digits(word->start, word->end)
                  == word->end;
}


/* Letters alone: with as many vowels as a word has, they are one. */
static int
jm_code_no_word(const u_char *p, size_t n)
{
    size_t i, letters, vowels;

    for (i = 0, letters = 0, vowels = 0; i < n; i++) {
        letters += p[i] != '-';
        vowels += strchr("AEIOU", p[i]) != NULL;
    }

    return letters >= 6 && letters <= 8 && vowels * 4 <= letters;
}


/* Counts what the word is made of; 0 if that is more than letters, digits and
 * dashes between them. */
static int
jm_code_form(jm_code_form_t *form, const u_char *p, const u_char *end)
{
    int kind, last;

    memset(form, 0, sizeof(jm_code_form_t));
    form->len = end - p;

    for (last = 0; p < end; p++, last = kind) {
        kind = *p == '-' ? '-' : *p <= '9' ? '0' : *p <= 'Z' ? 'A' : 'a';

        if (kind == '-') {
            form->dashes++;
            form->groups <<= 4;
            continue;
        }

        if (!jm_code_alnum(*p) || (form->groups & 15) == 15) {
            return 0;
        }

        form->groups++;
        form->digits += kind == '0';
        form->upper += kind == 'A';
        form->lower += kind == 'a';
        form->changes += kind != last;
    }

    return 1;
}


/* "123456", "123-456", "12-34-56" */
static int
jm_code_is_digits(const jm_code_form_t *form)
{
    return form->dashes == 0 ? form->digits <= 8
                             : form->groups == 0x33 || form->groups == 0x44
                                   || form->groups == 0x222;
}


/* "paint-sugar-river-clock", "aabb-ccdd-eeff" */
static int
jm_code_is_phrase(const jm_code_form_t *form)
{
    return form->upper + form->digits == 0 && form->dashes >= 2
           && form->dashes <= 5;
}


/* "kT7mPq2x": no name of a thing ("iPhone15Pro") changes its kind of character
 * that often. */
static int
jm_code_is_password(const jm_code_form_t *form)
{
    return form->digits != 0 && form->upper != 0 && form->lower != 0
           && form->dashes == 0 && form->len >= 8
           && form->changes * 3 >= form->len * 2;
}


/* "A1B2C3", "a1b2c3", "X7K9-2QPL", "9F3K-2LMX-77QA", "XKQPTR" */
static int
jm_code_is_mix(const jm_code_form_t *form)
{
    return (form->upper == 0 || form->lower == 0) && form->len >= 5
           && (form->groups == 0x44 || form->groups == 0x33
               || form->groups == 0x444
               || (form->dashes == 0 && form->len <= 10))
           && (form->lower == 0 || (form->digits >= 2 && form->len >= 6));
}


int
jm_code_shape(jm_code_t *code, const u_char *p, const u_char *end)
{
    jm_code_form_t form;

    if (end - p < 4 || end - p > JM_CODE_LENGTH
        || !jm_code_form(&form, p, end)) {
        return 0;
    }

    memset(code, 0, sizeof(jm_code_t));

    if (form.upper == 1 && form.lower == 0 && form.digits >= 4
        && form.dashes == 1 && (form.groups & 15) == form.digits)
    {
        /* "G-123456": the letter is the sender's own */
        p = end - form.digits;

    } else if (form.upper + form.lower != 0) {
        code->letters = form.digits == 0;
        code->phrase = jm_code_is_phrase(&form);
        code->len = form.len;
        memcpy(code->code, p, form.len);

        return code->phrase || jm_code_is_password(&form)
               || (jm_code_is_mix(&form)
                   && (!code->letters || jm_code_no_word(p, form.len)));

    } else if (!jm_code_is_digits(&form)) {
        return 0;
    }

    for (/* void */; p < end; p++) {
        if (*p != '-') {
            code->code[code->len++] = *p;
        }
    }

    return 1;
}


int
jm_code_spaced(jm_code_t *code, jm_code_word_t *word, const u_char *end)
{
    size_t         len, most;
    jm_code_word_t last, next;

    len = word->end - word->start;
    last = *word;

    if (len > 3 || !jm_code_all_digits(word)) {
        return 0;
    }

    most = len == 1 ? 8 : 6;
    memset(code, 0, sizeof(jm_code_t));
    memcpy(code->code, word->start, len);
    code->len = len;

    while (jm_code_next(&next, last.next, end) && jm_code_all_digits(&next)) {
        if ((size_t) (next.end - next.start) != len || code->len + len > most)
        {
            return 0;
        }

        memcpy(code->code + code->len, next.start, len);
        code->len += len;
        last = next;
    }

    if (code->len < 4 || (len == 2 && code->len != most)) {
        return 0;
    }

    word->end = last.end;
    word->next = last.next;

    return 1;
}


int
jm_code_unit(const u_char *p, const u_char *end)
{
    size_t i, len, room;
    u_char folded[16];

    while (p < end && *p == ' ') {
        p++;
    }

    room = (size_t) (end - p) < sizeof(folded) ? (size_t) (end - p)
                                               : sizeof(folded);
    len = jm_fold((jm_str_t){ (u_char *) p, room }, folded, sizeof(folded));

    for (i = 0; i < JM_CODE_UNITS; i++) {
        room = strlen(jm_code_units[i]);

        if (jm_code_starts(folded, folded + len, jm_code_units[i])
            && (room == len || !jm_code_alnum(folded[room])))
        {
            return 1;
        }
    }

    return 0;
}


int
jm_code_counts(const jm_code_word_t *word, const u_char *end)
{
    jm_code_word_t next;

    if (word->next == word->end && jm_code_unit(word->end, end)) {
        return 1;
    }

    return word->next < end && *word->next == ' '
           && jm_code_next(&next, word->next, end)
           && (jm_code_all_digits(&next)
               || (next.marked && next.start == next.end));
}
