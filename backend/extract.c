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
#include "extract_shape.h"
#include "jm_fold.h"

#define JM_CODE_SOURCE     (32 * 1024) /* bytes of text looked at */
#define JM_CODE_CANDIDATES 500
#define JM_CODE_MAX        5   /* returned */
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
    jm_code_t found[JM_CODE_MAX];
    size_t    nfound;
    size_t    candidates;
    int       bonus; /* for everything in this text */
} jm_codes_t;

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

#define JM_CODE_KEYS (sizeof(jm_code_keys) / sizeof(jm_code_keys[0]))


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
