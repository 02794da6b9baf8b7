/*
 * Codes and links (extract.h).  A code is four to eight digits, or a short mix
 * of letters and digits, near words that announce a code in English, German,
 * French, Spanish, Italian, Portuguese, Dutch or Polish.  Every candidate gets
 * points for the words around it; words that announce another kind of number
 * (an order, a price, a telephone) take them away.  Reads the subject and the
 * text's beginning; allocates in the message's arena.
 */

#define _GNU_SOURCE /* memmem */

#include "extract.h"

#include <ctype.h>

#include "charset.h"
#include "jm_fold.h"

#define JM_CODE_SOURCE     (32 * 1024) /* bytes of text looked at */
#define JM_CODE_CANDIDATES 500
#define JM_CODE_MAX        5   /* returned */
#define JM_CODE_LENGTH     12  /* bytes of the longest */
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

/* Links: so many, and of text and address so many bytes each. */
#define JM_LINK_LOOKED_AT 200
#define JM_LINK_TEXT      300

#define JM_KEY_END   1 /* must end at a word's end too */
#define JM_KEY_INNER 2 /* may be the tail of a longer word */

typedef struct {
    const char *word; /* folded as jm_fold() does */
    uint8_t     len;
    int8_t      points; /* negative: for a number of another kind */
    uint8_t     flags;
} jm_code_key_t;

typedef struct {
    u_char code[JM_CODE_LENGTH];
    size_t len;
    int    points;
} jm_code_t;

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


static const jm_code_key_t jm_code_keys[] = {
#define END                       JM_KEY_END
#define INNER                     JM_KEY_INNER
#define WORD(word, points, flags) { word, sizeof(word) - 1, points, flags },
#define OTHER(word, flags)        { word, sizeof(word) - 1, -1, flags },
#define ACTION(word)
#define LEAVE(word)
#include "extract_words.def"
};

static const char *const jm_link_action[] = {
#define WORD(word, points, flags)
#define OTHER(word, flags)
#define ACTION(word) word,
#define LEAVE(word)
#include "extract_words.def"
    NULL
};

static const char *const jm_link_leave[] = {
#define WORD(word, points, flags)
#define OTHER(word, flags)
#define ACTION(word)
#define LEAVE(word) word,
#include "extract_words.def"
    NULL
};

#define JM_CODE_KEYS (sizeof(jm_code_keys) / sizeof(jm_code_keys[0]))


static int
jm_code_alnum(int c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z')
           || (c >= 'a' && c <= 'z');
}


static int
jm_code_is_space(const u_char *p, const u_char *end)
{
    return *p <= 0x20 || (end - p > 1 && p[0] == 0xc2 && p[1] == 0xa0);
}


/* Is the key at `p` of a folded text, with words' borders where it wants? */
static int
jm_code_key_at(const jm_code_key_t *key, const u_char *text, const u_char *p,
               const u_char *end)
{
    return *p == (u_char) key->word[0] && (size_t) (end - p) >= key->len
           && memcmp(p, key->word, key->len) == 0
           && ((key->flags & JM_KEY_INNER) || p == text
               || !jm_code_alnum(p[-1]))
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


/*
 * The points of the words in a folded context, at whose one end the candidate
 * stands; words that begin before `fence` are `apart` points less worth.  A
 * word that announces another number counts, within `reach` bytes, when none
 * for a code stands nearer; a tie ("promo code" and the "code" in it) goes
 * against.
 */
static int
jm_code_context(const u_char *text, size_t len, size_t fence, int apart,
                int before, int reach)
{
    int                  points, best, bad, good, distance;
    const u_char        *p, *end, *covered;
    const jm_code_key_t *key;

    best = 0;
    bad = 1000;
    good = 1000;
    end = text + len;
    covered = text;

    for (p = text; p < end; p++) {
        key = jm_code_key(text, p, end);

        if (key == NULL || p + key->len <= covered) {
            continue;
        }

        covered = p + key->len;
        distance = before ? end - covered : p - text;

        if (key->points < 0) {
            if (distance < bad && !(before && jm_code_parted(covered, end))) {
                bad = distance;
            }

            continue;
        }

        points = key->points + 40 - distance * 2 / 5
                 - ((size_t) (p - text) < fence ? apart : 0);

        if (points > best) {
            best = points;
        }

        if (key->points >= 40 && distance < good) {
            good = distance;
        }
    }

    if (bad < reach && bad <= good + 8) {
        return -100;
    }

    return best;
}


/* Where the line or the sentence that `end` stands in begins. */
static const u_char *
jm_code_sentence(const u_char *p, const u_char *end)
{
    const u_char *s;

    for (s = end; s > p; s--) {
        if (s[-1] == '\n'
            || (s - p > 1 && s[-1] == ' ' && strchr(".!?", s[-2]) != NULL))
        {
            break;
        }
    }

    return s;
}


static int
jm_code_around(const u_char *start, const u_char *end, const u_char *from,
               const u_char *to, int alone)
{
    int           before, after, apart;
    size_t        len, fence;
    u_char        folded[JM_CODE_BEFORE];
    const u_char *p, *sentence;

    p = start - from > JM_CODE_BEFORE ? start - JM_CODE_BEFORE : from;

    while (p < start && (*p & 0xc0) == 0x80) {
        p++;
    }

    sentence = alone ? p : jm_code_sentence(p, start);
    fence = jm_fold((jm_str_t){ (u_char *) p, sentence - p }, folded,
                    sizeof(folded));
    len = jm_fold((jm_str_t){ (u_char *) p, start - p }, folded,
                  sizeof(folded));

    while (len != 0 && strchr(" :*\"'-", folded[len - 1]) != NULL) {
        len--;
    }

    apart = sentence - from > 1 && sentence[-1] == '\n' && sentence[-2] == '\n'
                ? JM_CODE_PARAGRAPH
                : JM_CODE_FENCE;
    before = jm_code_context(folded, len, fence, apart, 1,
                             alone ? JM_CODE_REACH_ALONE : JM_CODE_REACH);

    /* "123456 is your code": the sentence only. */

    for (p = end; p < to && p - end < JM_CODE_AFTER && *p != '\n'
                  && !(*p == '.' && (p + 1 == to || p[1] <= 0x20));
         p++)
    {
        /* void */
    }

    len = jm_fold((jm_str_t){ (u_char *) end, p - end }, folded,
                  sizeof(folded));
    after = jm_code_context(folded, len, 0, 0, 0, JM_CODE_REACH) - 10;

    return before < 0 ? before : before > after ? before : after;
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
    code->points = codes->bonus + jm_code_around(start, end, from, to, alone);

    if (alone) {
        code->points += 30;

    } else if (jm_code_year(code) || jm_code_day(code, end - start)) {
        code->points -= 40;
    }

    if (code->len == 6) {
        code->points += 10;
    }

    if (code->points >= JM_CODE_ENOUGH) {
        jm_code_insert(codes, code);
    }
}


/* Bytes of currency signs and marks that make the next number no code. */
static int
jm_code_mark(const u_char *p, const u_char *end)
{
    return *p == '#' || *p == '+' || *p == '$' || *p == '%'
           || (end - p >= 3 && memcmp(p, "\xe2\x82\xac", 3) == 0)
           || (end - p >= 2 && memcmp(p, "\xc2\xa3", 2) == 0);
}


/* The next word from `p`, or 0 at the end. */
static int
jm_code_next(jm_code_word_t *word, const u_char *p, const u_char *end)
{
    const u_char *stop;

    while (p < end && jm_code_is_space(p, end)) {
        p++;
    }

    if (p == end) {
        return 0;
    }

    for (stop = p; stop < end && !jm_code_is_space(stop, end); stop++) {
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


/*
 * The shapes of a code in one word: 123456, 123-456, 12-34-56, G-123456,
 * A1B2C3, X7K9-2QPL.  Fills `code` with what a person would type.
 */
static int
jm_code_shape(jm_code_t *code, const u_char *p, const u_char *end)
{
    size_t n, digits, upper, lower, dashes, groups, group;

    digits = upper = lower = dashes = group = 0;
    groups = 0; /* lengths, four bits each */
    n = end - p;

    if (n < 4 || n > JM_CODE_LENGTH) {
        return 0;
    }

    memcpy(code->code, p, n);
    code->len = 0;

    for (/* void */; p < end; p++) {
        if (*p == '-') {
            dashes++;
            groups = (groups << 4) | group;
            group = 0;
            continue;
        }

        if (!jm_code_alnum(*p)) {
            return 0;
        }

        group++;
        digits += *p <= '9';
        upper += *p >= 'A' && *p <= 'Z';
        lower += *p >= 'a';
    }

    groups = (groups << 4) | group;

    if (upper == 0 && lower == 0) {
        if (dashes == 0 ? digits > 8
                        : groups != 0x33 && groups != 0x44 && groups != 0x222)
        {
            return 0;
        }

    } else if (dashes == 1 && upper == 1 && digits == group && digits >= 4
               && lower == 0)
    {
        /* "G-123456": the letter is the sender's own */
        memmove(code->code, code->code + n - digits, digits);
        code->len = digits;
        return 1;

    } else {
        code->len = n;
        return (upper == 0 || lower == 0) && n >= 5
               && (groups == 0x44 || groups == 0x33
                   || (dashes == 0 && digits != 0 && n <= 10))
               && (lower == 0 || (digits >= 2 && n >= 6));
    }

    for (n = 0, p = code->code; n < digits + dashes; n++) {
        if (p[n] != '-') {
            code->code[code->len++] = p[n];
        }
    }

    return 1;
}


/*
 * Digits set apart: "123 456", or single ones as in "1 2 3 4 5 6".  Extends
 * `word` over all of them; 0 when there is no such row, or a longer one (a
 * telephone number).
 */
static int
jm_code_spaced(jm_code_t *code, jm_code_word_t *word, const u_char *end)
{
    size_t         len;
    jm_code_word_t last, next;

    len = word->end - word->start;
    last = *word;

    if ((len != 3 && len != 1) || !jm_code_all_digits(word)) {
        return 0;
    }

    memcpy(code->code, word->start, len);
    code->len = len;

    while (jm_code_next(&next, last.next, end) && jm_code_all_digits(&next)) {
        if ((size_t) (next.end - next.start) != len
            || code->len + len > (len == 3 ? 6 : 8))
        {
            return 0;
        }

        memcpy(code->code + code->len, next.start, len);
        code->len += len;
        last = next;
    }

    if (code->len < 4) {
        return 0;
    }

    word->end = last.end;
    word->next = last.next;

    return 1;
}


/* What is counted, not typed: money, points. */
static int
jm_code_unit(const jm_code_word_t *word)
{
    size_t             i, len;
    static const char *names[] = { "EUR",    "USD",    "GBP",    "PLN",
                                   "CHF",    "BRL",    "Euro",   "euro",
                                   "euros",  "zl",     "points", "Punkte",
                                   "puntos", "punti",  "pontos", "punten",
                                   "miles",  "Meilen", "credits" };

    len = word->end - word->start;

    for (i = 0; i < sizeof(names) / sizeof(char *); i++) {
        if (strlen(names[i]) == len && memcmp(names[i], word->start, len) == 0)
        {
            return 1;
        }
    }

    return 0;
}


static void
jm_code_scan(jm_codes_t *codes, jm_str_t text)
{
    int            number; /* the word before was a number or a unit */
    jm_code_t      code;
    const u_char  *p, *end, *start;
    jm_code_word_t word, next;

    if (text.len == 0) {
        return;
    }

    p = text.data;
    end = p + text.len;
    number = 0;

    while (jm_code_next(&word, p, end)) {
        start = word.start;

        if (!word.marked && !number && jm_code_spaced(&code, &word, end)) {
            jm_code_judge(codes, &code, start, word.end, text.data, end);

        } else if (!word.marked && !number
                   && jm_code_shape(&code, word.start, word.end)
                   && !(jm_code_next(&next, word.next, end)
                        && *word.next != '\n'
                        && (jm_code_all_digits(&next) || jm_code_unit(&next)
                            || (next.marked && next.start == next.end))))
        {
            jm_code_judge(codes, &code, start, word.end, text.data, end);
        }

        number = word.next < end && *word.next != '\n' && *word.next != '\r'
                 && (jm_code_all_digits(&word) || jm_code_unit(&word)
                     || (word.marked && word.start == word.end));
        p = word.next;
    }
}


/* How many of the words of one kind are in a folded text. */
static int
jm_link_words(const char *const *words, jm_str_t text)
{
    int n;

    for (n = 0; *words != NULL; words++) {
        n += text.len != 0
             && memmem(text.data, text.len, *words, strlen(*words)) != NULL;
    }

    return n;
}


/* What speaks for a link as the one that the mail was sent for. */
static int
jm_link_points(const jm_link_t *link)
{
    int      action, leave;
    jm_str_t text, href;
    u_char   folded[JM_LINK_TEXT], address[JM_LINK_TEXT];

    if (link->href.len < 5 || memcmp(link->href.data, "http", 4) != 0) {
        return 0;
    }

    text.data = folded;
    text.len = jm_fold(link->text, folded, sizeof(folded));
    href.data = address;
    href.len = jm_fold(link->href, address, sizeof(address));

    leave = jm_link_words(jm_link_leave, text)
            + jm_link_words(jm_link_leave, href);
    action = 2 * jm_link_words(jm_link_action, text)
             + jm_link_words(jm_link_action, href);

    return leave != 0 ? 0 : action;
}


/* Puts the link to confirm, to sign in or to reset in front, if there is one;
 * the order of the others stays. */
void
jm_extract_links(jm_message_t *m)
{
    int       points, most;
    size_t    i, best, n;
    jm_link_t link;

    n = m->clean.nlinks < JM_LINK_LOOKED_AT ? m->clean.nlinks
                                            : JM_LINK_LOOKED_AT;
    most = 0;
    best = 0;

    for (i = 0; i < n; i++) {
        points = jm_link_points(&m->clean.links[i]);

        if (points > most) {
            most = points;
            best = i;
        }
    }

    if (best != 0) {
        link = m->clean.links[best];
        memmove(m->clean.links + 1, m->clean.links, best * sizeof(jm_link_t));
        m->clean.links[0] = link;
    }
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
    jm_code_scan(&codes, m->subject);
    codes.bonus = 0;
    jm_code_scan(&codes, jm_charset_trim(m->text, JM_CODE_SOURCE));

    /* Some say the code in their HTML only. */

    if (codes.nfound == 0 && m->html.data != NULL
        && m->clean.text.data != m->text.data)
    {
        jm_code_scan(&codes, jm_charset_trim(m->clean.text, JM_CODE_SOURCE));
    }

    m->codes = jm_arena_alloc(m->arena, JM_CODE_MAX * sizeof(jm_str_t));
    m->ncodes = codes.nfound;

    for (i = 0; i < codes.nfound; i++) {
        m->codes[i] = jm_arena_str(m->arena, codes.found[i].code,
                                   codes.found[i].len);
    }
}
