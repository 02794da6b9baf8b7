/*
 * One-time codes (extract.h).  A code is four to eight digits, a short mix of
 * letters and digits, or some words with dashes between them, near words that
 * announce one (extract_words.def). Every candidate gets points for the words
 * around it; words that announce another kind of number (an order, a price, a
 * telephone) take them away. Reads the subject and the text's beginning;
 * allocates in the message's arena.
 */

#define _GNU_SOURCE /* memmem */

#include "extract.h"

#include <ctype.h>

#include "charset.h"
#include "jm_fold.h"

#define JM_CODE_SOURCE     (32 * 1024) /* bytes of text looked at */
#define JM_CODE_CANDIDATES 500
#define JM_CODE_MAX        5   /* returned */
#define JM_CODE_LENGTH     40  /* bytes of the longest */
#define JM_CODE_BEFORE     110 /* bytes of context */
#define JM_CODE_AFTER      60
#define JM_CODE_ENOUGH     60 /* points */

/* How near a word against must stand; a code on a line of its own is meant to
 * be seen. */
#define JM_CODE_REACH       40
#define JM_CODE_REACH_ALONE 8

/* Points off for a word of another line or sentence, another paragraph. */
#define JM_CODE_FENCE     20
#define JM_CODE_PARAGRAPH 40

/* "Enter" counts this near. */
#define JM_CODE_NEAR 6

/* Points off for letters alone, which are a word sooner than a code. */
#define JM_CODE_LETTERS 18

#define JM_KEY_END   1 /* must end at a word's end too */
#define JM_KEY_INNER 2 /* may be the tail of a longer word */
#define JM_KEY_NEAR  4 /* counts within JM_CODE_NEAR only */
#define JM_KEY_SALE  8 /* makes no code of anything beside it */

typedef struct {
    const char *word; /* folded as jm_fold() does */
    uint8_t     len;
    int8_t      points; /* negative: for a number of another kind */
    uint8_t     flags;
} jm_code_key_t;

typedef struct {
    u_char code[JM_CODE_LENGTH];
    size_t len;
    int    letters; /* nothing else */
    int    phrase;  /* words with dashes between them */
    int    points;
} jm_code_t;

/* What a word that may be a code is made of. */
typedef struct {
    size_t len;
    size_t digits, upper, lower, dashes;
    size_t changes; /* of the kind of character */
    size_t groups;  /* lengths of what the dashes part, four bits each */
} jm_code_form_t;

typedef struct {
    jm_code_t found[JM_CODE_MAX];
    size_t    nfound;
    size_t    candidates;
    int       bonus; /* for everything in this text */
} jm_codes_t;

/* A word of the text: what stands between white space. */
typedef struct {
    const u_char *start; /* without the punctuation around it */
    const u_char *end;
    const u_char *next;   /* where the search for the next one begins */
    int           marked; /* '#', '+', a currency sign stood before it */
} jm_code_word_t;

/* What the words on one side of a candidate say. */
typedef struct {
    const u_char *text; /* folded */
    size_t        len;
    size_t fence; /* where the candidate's own sentence begins or ends */
    int    apart; /* points off in front of it */
    int    reach; /* how near a word against must stand */
    int    against;
    int    announced; /* points of the best word that is one */
    int    hint;      /* of the two best that hint at one */
    int    second;
} jm_code_side_t;

#define JM_CODE_OTHER 1 /* another kind of number */
#define JM_CODE_SALE  2


static const jm_code_key_t jm_code_keys[] = {
#define END                       JM_KEY_END
#define INNER                     JM_KEY_INNER
#define NEAR                      JM_KEY_NEAR
#define SALE                      JM_KEY_SALE
#define WORD(word, points, flags) { word, sizeof(word) - 1, points, flags },
#define OTHER(word, flags)        { word, sizeof(word) - 1, -1, flags },
#define UNIT(word)
#define MARK(sign)
#define ACTION(word)
#define LEAVE(word)
#include "extract_words.def"
};

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

#define JM_CODE_KEYS  (sizeof(jm_code_keys) / sizeof(jm_code_keys[0]))
#define JM_CODE_UNITS (sizeof(jm_code_units) / sizeof(jm_code_units[0]))
#define JM_CODE_MARKS (sizeof(jm_code_marks) / sizeof(jm_code_marks[0]))


static int
jm_code_alnum(int c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z')
           || (c >= 'a' && c <= 'z');
}


static int
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


/* Does a letter or digit stand before `p` of a folded text?  Of the other
 * scripts, Cyrillic parts its words. */
static int
jm_code_in_word(const u_char *text, const u_char *p)
{
    return (p > text && jm_code_alnum(p[-1]))
           || (p - text > 1 && (p[-2] & 0xfe) == 0xd0);
}


/* Is the key at `p` of a folded text, with words' borders where it wants? */
static int
jm_code_key_at(const jm_code_key_t *key, const u_char *text, const u_char *p,
               const u_char *end)
{
    return *p == (u_char) key->word[0] && (size_t) (end - p) >= key->len
           && memcmp(p, key->word, key->len) == 0
           && ((key->flags & JM_KEY_INNER) || !jm_code_in_word(text, p))
           && (!(key->flags & JM_KEY_END) || p + key->len == end
               || !jm_code_alnum(p[key->len]));
}


/*
 * The keys that begin with each byte, in their order: numbers from 1, 0 ends.
 * Made when it is first asked.
 */
static uint16_t jm_code_first[256], jm_code_other[JM_CODE_KEYS + 1];
static int      jm_code_indexed;


static void
jm_code_index(void)
{
    size_t    i;
    uint16_t *first;

    for (i = JM_CODE_KEYS; i > 0; i--) {
        first = &jm_code_first[(u_char) jm_code_keys[i - 1].word[0]];
        jm_code_other[i] = *first;
        *first = (uint16_t) i;
    }

    jm_code_indexed = 1;
}


/* The longest key at `p`, or NULL. */
static const jm_code_key_t *
jm_code_key(const u_char *text, const u_char *p, const u_char *end)
{
    size_t               i;
    const jm_code_key_t *key, *longest;

    longest = NULL;

    for (i = jm_code_first[*p]; i != 0; i = jm_code_other[i]) {
        key = &jm_code_keys[i - 1];

        if (jm_code_key_at(key, text, p, end)
            && (longest == NULL || key->len > longest->len))
        {
            longest = key;
        }
    }

    return longest;
}


/* "Dear customer, 123456 is ...": what stands before a comma or a full stop
 * does not say what the number is. */
static int
jm_code_parted(const u_char *p, const u_char *end)
{
    for (/* void */; p < end; p++) {
        if (strchr(",;.!?", *p) != NULL && (p + 1 == end || p[1] <= ' ')) {
            return 1;
        }
    }

    return 0;
}


/* A word that announces a code needs no other; two that hint at one help each
 * other. */
static void
jm_code_hint(jm_code_side_t *side, int points, int announces)
{
    if (announces) {
        side->announced = points > side->announced ? points : side->announced;

    } else if (points > side->hint) {
        side->second = side->hint;
        side->hint = points;

    } else if (points > side->second) {
        side->second = points;
    }
}


/*
 * Reads one side, `before` the candidate or behind it.  Behind, only the
 * sentence tells what it is, but the line whether something is for sale.  A
 * word that announces another number counts when none for a code stands
 * nearer; a tie ("promo code" and the "code" in it) goes against.
 */
static void
jm_code_read(jm_code_side_t *side, int before)
{
    int                  bad, good, distance, beyond;
    const u_char        *p, *end, *covered;
    const jm_code_key_t *key;

    bad = 1000;
    good = 1000;
    end = side->text + side->len;
    covered = side->text;

    for (p = side->text; p < end; p++) {
        key = jm_code_key(side->text, p, end);

        if (key == NULL || p + key->len <= covered) {
            continue;
        }

        covered = p + key->len;
        distance = before ? end - covered : p - side->text;
        beyond = before == ((size_t) (p - side->text) < side->fence);

        if ((key->flags & JM_KEY_SALE) && !(before && beyond)) {
            side->against = JM_CODE_SALE;
            return;
        }

        if ((beyond && !before)
            || ((key->flags & JM_KEY_NEAR) && distance > JM_CODE_NEAR))
        {
            continue;
        }

        if (key->points < 0) {
            if (distance < bad && !(before && jm_code_parted(covered, end))) {
                bad = distance;
            }

            continue;
        }

        jm_code_hint(side,
                     key->points + (before ? 40 : 30) - distance * 2 / 5
                         - (beyond ? side->apart : 0),
                     key->points >= 40);

        if (key->points >= 40 && distance < good) {
            good = distance;
        }
    }

    if (bad < side->reach && bad <= good + 8) {
        side->against = JM_CODE_OTHER;
    }
}


int
jm_extract_ends(const u_char *from, const u_char *p)
{
    return p[-1] == '\n'
           || (p - from > 1 && p[-1] == ' ' && strchr(".!?", p[-2]) != NULL)
           || (p - from > 2 && memcmp(p - 3, "\u3002", 3) == 0);
}


/* "Your code: 123456": the line, and less what stands before it. */
static void
jm_code_before(jm_code_side_t *side, u_char *folded, const u_char *from,
               const u_char *start, int alone)
{
    const u_char *p, *sentence;

    p = start - from > JM_CODE_BEFORE ? start - JM_CODE_BEFORE : from;

    while (p < start && (*p & 0xc0) == 0x80) {
        p++;
    }

    for (sentence = alone ? p : start;
         sentence > p && !jm_extract_ends(p, sentence); sentence--)
    {
        /* void */
    }

    side->text = folded;
    side->fence = jm_fold((jm_str_t){ (u_char *) p, sentence - p }, folded,
                          JM_CODE_BEFORE);
    side->len = jm_fold((jm_str_t){ (u_char *) p, start - p }, folded,
                        JM_CODE_BEFORE);

    while (side->len != 0 && strchr(" :*\"'-", folded[side->len - 1]) != NULL)
    {
        side->len--;
    }

    side->apart = sentence - from > 1 && sentence[-1] == '\n'
                          && sentence[-2] == '\n'
                      ? JM_CODE_PARAGRAPH
                      : JM_CODE_FENCE;
    side->reach = alone ? JM_CODE_REACH_ALONE : JM_CODE_REACH;
    jm_code_read(side, 1);
}


/* "123456 is your code": the sentence, no other line. */
static void
jm_code_after(jm_code_side_t *side, u_char *folded, const u_char *end,
              const u_char *to)
{
    const u_char *p, *sentence;

    sentence = NULL;

    for (p = end; p < to && p - end < JM_CODE_AFTER && *p != '\n'; p++) {
        if (sentence == NULL
            && ((*p == '.' && (p + 1 == to || p[1] <= 0x20))
                || jm_code_starts(p, to, "\u3002")))
        {
            sentence = p;
        }
    }

    side->text = folded;
    side->fence = sentence == NULL
                      ? JM_CODE_AFTER
                      : jm_fold((jm_str_t){ (u_char *) end, sentence - end },
                                folded, JM_CODE_AFTER);
    side->len = jm_fold((jm_str_t){ (u_char *) end, p - end }, folded,
                        JM_CODE_AFTER);
    side->reach = JM_CODE_REACH;
    jm_code_read(side, 0);
}


/* The points of the words on both sides; negative when they speak against. */
static int
jm_code_around(const u_char *start, const u_char *end, const u_char *from,
               const u_char *to, int alone)
{
    u_char         folded[JM_CODE_BEFORE];
    jm_code_side_t before, after;

    memset(&before, 0, sizeof(jm_code_side_t));
    memset(&after, 0, sizeof(jm_code_side_t));
    jm_code_before(&before, folded, from, start, alone);
    jm_code_after(&after, folded, end, to);

    if (before.against || after.against == JM_CODE_SALE) {
        return -100;
    }

    if (!after.against) {
        jm_code_hint(&before, after.announced, 1);
        jm_code_hint(&before, after.hint, 0);
        jm_code_hint(&before, after.second, 0);
    }

    return before.announced > before.hint ? before.announced
                                          : before.hint + before.second / 3;
}


static int
jm_code_alone(const u_char *start, const u_char *end, const u_char *from,
              const u_char *to)
{
    while (start > from && start[-1] != '\n') {
        if (jm_code_alnum(*--start) || *start >= 0x80) {
            return 0;
        }
    }

    while (end < to && *end != '\n') {
        if (jm_code_alnum(*end) || *end >= 0x80) {
            return 0;
        }

        end++;
    }

    return 1;
}


/* Does a colon announce what comes next? */
static int
jm_code_told(const u_char *start, const u_char *from)
{
    while (start > from && start[-1] <= ' ') {
        start--;
    }

    return start > from && start[-1] == ':';
}


static int
jm_code_year(const jm_code_t *code)
{
    return code->len == 4
           && (memcmp(code->code, "19", 2) == 0
               || memcmp(code->code, "20", 2) == 0);
}


/* "05-03-24": more likely a day. */
static int
jm_code_day(const jm_code_t *code, size_t width)
{
    int one, two;

    one = (code->code[0] - '0') * 10 + code->code[1] - '0';
    two = (code->code[2] - '0') * 10 + code->code[3] - '0';

    return code->len == 6 && width == 8 && one != 0 && two != 0
           && ((one <= 31 && two <= 12) || (one <= 12 && two <= 31));
}


static void
jm_code_insert(jm_codes_t *codes, const jm_code_t *code)
{
    size_t     i, n;
    jm_code_t *f;

    f = codes->found;

    for (i = 0; i < codes->nfound; i++) {
        if (f[i].len == code->len
            && memcmp(f[i].code, code->code, code->len) == 0) {
            if (f[i].points >= code->points) {
                return;
            }

            memmove(f + i, f + i + 1, (codes->nfound - i - 1) * sizeof(*f));
            codes->nfound--;
            break;
        }
    }

    for (i = 0; i < codes->nfound && f[i].points >= code->points; i++) {
        /* void */
    }

    if (i == JM_CODE_MAX) {
        return;
    }

    n = codes->nfound < JM_CODE_MAX ? codes->nfound : JM_CODE_MAX - 1;
    memmove(f + i + 1, f + i, (n - i) * sizeof(*f));
    f[i] = *code;
    codes->nfound = n + 1;
}


static void
jm_code_judge(jm_codes_t *codes, jm_code_t *code, const u_char *start,
              const u_char *end, const u_char *from, const u_char *to)
{
    int alone;

    if (codes->candidates++ > JM_CODE_CANDIDATES) {
        return;
    }

    alone = jm_code_alone(start, end, from, to);

    /* nothing else tells it from "state-of-the-art" */
    if (code->phrase && !(alone && jm_code_told(start, from))) {
        return;
    }

    code->points = codes->bonus + jm_code_around(start, end, from, to, alone);

    if (alone) {
        code->points += 30;

    } else if (jm_code_year(code) || jm_code_day(code, end - start)) {
        code->points -= 40;
    }

    if (code->len == 6) {
        code->points += 10;
    }

    if (code->letters) {
        code->points -= JM_CODE_LETTERS;
    }

    if (code->points >= JM_CODE_ENOUGH) {
        jm_code_insert(codes, code);
    }
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


/* The next word from `p`, or 0 at the end. */
static int
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


static int
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


/* A code in one word.  Fills `code` with what a person would type. */
static int
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


/*
 * Digits set apart: "123 456", "12 34 56", or single ones as in "1 2 3 4 5 6".
 * Extends `word` over all of them; 0 when there is no such row, or a longer
 * one (a telephone number).
 */
static int
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


/* What is counted, not typed: money, points.  Before a number or behind it. */
static int
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


/* Does the number go on in the next word, or say what it counts? */
static int
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


static void
jm_code_scan(jm_codes_t *codes, jm_str_t text)
{
    int            number; /* the word before was a number or a unit */
    jm_code_t      code;
    const u_char  *p, *end, *start;
    jm_code_word_t word;

    if (text.len == 0) {
        return;
    }

    p = text.data;
    end = p + text.len;
    number = 0;

    while (jm_code_next(&word, p, end)) {
        start = word.start;

        if (!word.marked && !number
            && (jm_code_spaced(&code, &word, end)
                || (jm_code_shape(&code, word.start, word.end)
                    && !jm_code_counts(&word, end))))
        {
            jm_code_judge(codes, &code, start, word.end, text.data, end);
        }

        /* "Packstation 145: 8824" are two */
        number = word.next < end && (*word.next == ' ' || *word.next == 0xc2)
                 && *word.end != ':'
                 && (jm_code_all_digits(&word)
                     || (word.end == word.next
                         && jm_code_unit(word.start, word.end))
                     || (word.marked && word.start == word.end));
        p = word.next;
    }
}


/* The beginning of a text, its full-width digits (U+FF10 to U+FF19) as ours.
 */
static jm_str_t
jm_code_source(jm_arena_t *arena, jm_str_t text)
{
    size_t i, n;

    text = jm_charset_trim(text, JM_CODE_SOURCE);

    if (text.len == 0 || memmem(text.data, text.len, "\xef\xbc", 2) == NULL) {
        return text;
    }

    text = jm_arena_str(arena, text.data, text.len);

    for (i = 0, n = 0; i < text.len; i++, n++) {
        text.data[n] = text.data[i];

        if (text.len - i > 2 && memcmp(text.data + i, "\xef\xbc", 2) == 0
            && text.data[i + 2] >= 0x90 && text.data[i + 2] <= 0x99)
        {
            text.data[n] = text.data[i + 2] - 0x90 + '0';
            i += 2;
        }
    }

    text.len = n;

    return text;
}


void
jm_extract_codes(jm_message_t *m)
{
    size_t     i;
    jm_codes_t codes;

    memset(&codes, 0, sizeof(jm_codes_t));

    if (!jm_code_indexed) {
        jm_code_index();
    }

    codes.bonus = 15;
    jm_code_scan(&codes, jm_code_source(m->arena, m->subject));
    codes.bonus = 0;
    jm_code_scan(&codes, jm_code_source(m->arena, m->text));

    /* Some say the code in their HTML only. */

    if (codes.nfound == 0 && m->html.data != NULL
        && m->clean.text.data != m->text.data)
    {
        jm_code_scan(&codes, jm_code_source(m->arena, m->clean.text));
    }

    m->codes = jm_arena_alloc(m->arena, JM_CODE_MAX * sizeof(jm_str_t));
    m->ncodes = codes.nfound;

    for (i = 0; i < codes.nfound; i++) {
        m->codes[i] = jm_arena_str(m->arena, codes.found[i].code,
                                   codes.found[i].len);
    }
}
