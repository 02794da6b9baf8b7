/*
 * The judgement of pixel.h.
 */

#include "pixel.h"

#include <stdio.h>
#include <strings.h>

#define JM_PIXEL_TRACKER 60
#define JM_PIXEL_MAYBE   40

#define JM_PIXEL_RUN 64 /* of a token is looked at */

/* What speaks for a tracker, and what against. */
enum jm_pixel_sign {
    RULE_HIGH,
    RULE_MEDIUM,
    RULE_HOST,
    RULE_LOW,
    TINY,
    ZERO,
    THREE,
    HIDDEN,
    HIDDEN_ABOVE,
    TOKEN,
    RECIPIENT,
    WORD,
    EXTENSION,
    NO_ALT,
    EDGE,
    APART,
    ALT,
    SPACER,
    DIVIDER,
    REPEATED,
    SHOWN_ELSE,
    VISIBLE
};

typedef struct {
    const char *name;
    int         weight;
} jm_pixel_sign_t;

static const jm_pixel_sign_t jm_pixel_signs[] = {
    [RULE_HIGH] = { "known tracker", 100 },
    [RULE_MEDIUM] = { "known shape", 60 },
    [RULE_HOST] = { "known host of more than pixels", 40 },
    [RULE_LOW] = { "likely shape", 25 },
    [TINY] = { "at most 2x2", 50 },
    [ZERO] = { "no width or no height", 50 },
    [THREE] = { "at most 3x3", 30 },
    [HIDDEN] = { "hidden", 40 },
    [HIDDEN_ABOVE] = { "inside of something hidden", 30 },
    [TOKEN] = { "unique token", 25 },
    [RECIPIENT] = { "names the recipient", 80 },
    [WORD] = { "word for tracking", 15 },
    [EXTENSION] = { "no picture's extension", 10 },
    [NO_ALT] = { "no text", 5 },
    [EDGE] = { "first or last", 10 },
    [APART] = { "host of its own", 5 },
    [ALT] = { "text", -20 },
    [SPACER] = { "spacer's name", -40 },
    [DIVIDER] = { "divider", -60 },
    [REPEATED] = { "used twice", -40 },
    [SHOWN_ELSE] = { "shown on other screens", -40 },
    [VISIBLE] = { "large enough to see", -60 },
};

#define JM_PIXEL_SIGNS (sizeof(jm_pixel_signs) / sizeof(jm_pixel_signs[0]))

/* Words of a path; sorted for nobody, each is compared by its length first. */
static const char *const jm_pixel_words[] = {
    "open",     "opened", "opens",   "pixel", "beacon", "track",
    "tracking", "trk",    "tracker", "imp",   "log",    "o",
};

/* Parameters that number one mail or one reader. */
static const char *const jm_pixel_ids[] = {
    "id",  "mid", "uid", "cid",  "eid",  "sid",  "rid",       "tid",
    "lid", "jid", "sub", "user", "mail", "guid", "messageid", "subscriber",
};

static const char *const jm_pixel_spacers[] = { "spacer", "blank",
                                                "clear",  "transparent",
                                                "shim",   "pixel.gif" };

/* n log2 n in thousandths. */
static const int jm_pixel_nlogn[JM_PIXEL_RUN + 1] = {
    0,      0,      2000,   4755,   8000,   11610,  15510,  19651,  24000,
    28529,  33219,  38054,  43020,  48106,  53303,  58603,  64000,  69487,
    75059,  80711,  86439,  92239,  98107,  104042, 110039, 116096, 122211,
    128382, 134606, 140881, 147207, 153580, 160000, 166465, 172974, 179525,
    186117, 192750, 199421, 206131, 212877, 219660, 226477, 233329, 240215,
    247133, 254084, 261066, 268078, 275121, 282193, 289294, 296423, 303580,
    310764, 317975, 325212, 332475, 339763, 347076, 354413, 361775, 369160,
    376569, 384000,
};


static int jm_pixel_explained;


void
jm_pixel_explain(void)
{
    jm_pixel_explained = 1;
}


static void
jm_pixel_tell(const jm_pixel_t *pixel, const jm_url_t *url)
{
    size_t i;

    fprintf(stderr, "%d %.*s:", pixel->score, (int) url->href.len,
            url->href.data);

    for (i = 0; i < JM_PIXEL_SIGNS; i++) {
        if (pixel->signs & UINT32_C(1) << i) {
            fprintf(stderr, " %s (%d),", jm_pixel_signs[i].name,
                    jm_pixel_signs[i].weight);
        }
    }

    if (pixel->rule != NULL) {
        fprintf(stderr, " row of %s by %s",
                pixel->rule->vendor == NULL ? "nobody" : pixel->rule->vendor,
                pixel->rule->source);
    }

    fputc('\n', stderr);
}


static int
jm_pixel_has(jm_pixel_t *pixel, enum jm_pixel_sign sign)
{
    return (pixel->signs & UINT32_C(1) << sign) != 0;
}


static void
jm_pixel_add(jm_pixel_t *pixel, enum jm_pixel_sign sign)
{
    if (!jm_pixel_has(pixel, sign)) {
        pixel->signs |= UINT32_C(1) << sign;
        pixel->score += jm_pixel_signs[sign].weight;
    }
}


static int
jm_pixel_is_word(u_char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z')
           || (c >= 'a' && c <= 'z');
}


static int
jm_pixel_in(const char *const *words, size_t n, const u_char *p, size_t len)
{
    size_t i;

    for (i = 0; i < n; i++) {
        if (strlen(words[i]) == len
            && strncasecmp(words[i], (const char *) p, len) == 0)
        {
            return 1;
        }
    }

    return 0;
}


/* More than 3.2 bits a byte: not one of a few letters again and again. */
static int
jm_pixel_is_random(const u_char *p, size_t len)
{
    int    sum;
    size_t i;
    u_char count[256];

    len = (len < JM_PIXEL_RUN) ? len : JM_PIXEL_RUN;
    memset(count, 0, sizeof(count));

    for (i = 0; i < len; i++) {
        count[p[i]]++;
    }

    sum = 0;

    for (i = '0'; i <= 'z'; i++) {
        sum += jm_pixel_nlogn[count[i]];
    }

    return jm_pixel_nlogn[len] - sum > 3200 * (int) len;
}


/*
 * A run that no person has written: 16 or more letters and digits, mixed as
 * words are not.
 */
static int
jm_pixel_is_token(const u_char *p, size_t len)
{
    size_t i, digits, lower, upper;

    if (len < 16) {
        return 0;
    }

    digits = 0;
    lower = 0;
    upper = 0;

    for (i = 0; i < len; i++) {
        digits += (p[i] >= '0' && p[i] <= '9');
        lower += (p[i] >= 'a' && p[i] <= 'z');
        upper += (p[i] >= 'A' && p[i] <= 'Z');
    }

    if ((digits < 2 || digits == len) && (upper < 3 || lower < 3)) {
        return 0;
    }

    return jm_pixel_is_random(p, len);
}


/* 8-4-4-4-12 hexadecimal digits. */
static int
jm_pixel_is_uuid(const u_char *p, size_t len)
{
    size_t i;

    if (len < 36) {
        return 0;
    }

    for (i = 0; i < 36; i++) {
        if (i == 8 || i == 13 || i == 18 || i == 23) {
            if (p[i] != '-') {
                return 0;
            }

        } else if (strchr("0123456789abcdefABCDEF", p[i]) == NULL) {
            return 0;
        }
    }

    return 1;
}


/* Something that can stand for one mail or one reader, in path or query. */
static int
jm_pixel_token(jm_str_t rest)
{
    size_t i, start, len, ids;
    u_char before;

    ids = 0;
    start = 0;

    for (i = 0; i <= rest.len; i++) {
        if (i < rest.len && jm_pixel_is_word(rest.data[i])) {
            continue;
        }

        len = i - start;

        if (len == 8 && jm_pixel_is_uuid(rest.data + start, rest.len - start))
        {
            return 1;
        }

        if (jm_pixel_is_token(rest.data + start, len)) {
            return 1;
        }

        before = (start == 0) ? '\0' : rest.data[start - 1];

        if (i < rest.len && rest.data[i] == '='
            && (before == '?' || before == '&' || before == '_'))
        {
            ids += jm_pixel_in(jm_pixel_ids,
                               sizeof(jm_pixel_ids) / sizeof(*jm_pixel_ids),
                               rest.data + start, len);
        }

        start = i + 1;
    }

    return ids > 1;
}


static int
jm_pixel_word(jm_str_t path)
{
    size_t i, start;

    start = 0;

    for (i = 0; i <= path.len; i++) {
        if (i < path.len && jm_pixel_is_word(path.data[i])) {
            continue;
        }

        if (i > start
            && jm_pixel_in(jm_pixel_words,
                           sizeof(jm_pixel_words) / sizeof(*jm_pixel_words),
                           path.data + start, i - start)
            && (i - start > 1 || (i < path.len && path.data[i] == '/')))
        {
            return 1;
        }

        start = i + 1;
    }

    return 0;
}


/* .php, .aspx, .ashx, or none. */
static int
jm_pixel_extension(jm_str_t name)
{
    size_t                   i;
    static const char *const programs[] = { "php", "aspx", "ashx" };

    for (i = name.len; i > 0; i--) {
        if (name.data[i - 1] == '.') {
            return jm_pixel_in(programs, 3, name.data + i, name.len - i);
        }
    }

    return 1;
}


/* A picture that only keeps a place in a layout. */
static int
jm_pixel_spacer(jm_str_t name)
{
    size_t i, n;

    n = sizeof(jm_pixel_spacers) / sizeof(jm_pixel_spacers[0]);

    for (i = 0; i < n; i++) {
        if (name.len >= strlen(jm_pixel_spacers[i])
            && name.len <= strlen(jm_pixel_spacers[i]) + 12
            && strncasecmp((char *) name.data, jm_pixel_spacers[i],
                           strlen(jm_pixel_spacers[i]))
                   == 0)
        {
            return 1;
        }
    }

    return 0;
}


/* Path, query, name of the file. */
static void
jm_pixel_url(jm_pixel_t *pixel, const jm_url_t *url, const jm_sender_t *sender)
{
    size_t   i;
    jm_str_t path, name;

    path = url->rest;

    for (i = 0; i < path.len && path.data[i] != '?' && path.data[i] != '#';
         i++) {
        /* void */
    }

    path.len = i;
    name = path;

    for (i = path.len; i > 0 && path.data[i - 1] != '/'; i--) {
        /* void */
    }

    name.data += i;
    name.len -= i;

    if (jm_pixel_token(url->rest)) {
        jm_pixel_add(pixel, TOKEN);
    }

    if (jm_sender_names(sender, url->rest)) {
        jm_pixel_add(pixel, RECIPIENT);
    }

    if (jm_pixel_word(path)) {
        jm_pixel_add(pixel, WORD);
    }

    if (jm_pixel_extension(name)) {
        jm_pixel_add(pixel, EXTENSION);
    }

    if (pixel->rule == NULL && !jm_pixel_has(pixel, TOKEN)
        && memchr(url->rest.data, '?', url->rest.len) == NULL
        && jm_pixel_spacer(name))
    {
        jm_pixel_add(pixel, SPACER);
    }
}


static void
jm_pixel_size(jm_pixel_t *pixel, const jm_pixel_look_t *look)
{
    int small, large;

    small = look->width < look->height ? look->width : look->height;
    large = look->width < look->height ? look->height : look->width;

    if (look->width == 0 || look->height == 0) {
        jm_pixel_add(pixel, ZERO);

    } else if (small > 0 && small <= 2 && large >= 10) {
        jm_pixel_add(pixel, DIVIDER);

    } else if (small > 0 && large <= 2) {
        jm_pixel_add(pixel, TINY);

    } else if (small > 0 && large <= 3) {
        jm_pixel_add(pixel, THREE);

    } else if (small > 0 && small * large >= 400) {
        jm_pixel_add(pixel, VISIBLE);
    }
}


static void
jm_pixel_place(jm_pixel_t *pixel, const jm_pixel_look_t *look)
{
    if (look->hidden) {
        jm_pixel_add(pixel, HIDDEN);

    } else if (look->hidden_above) {
        jm_pixel_add(pixel, HIDDEN_ABOVE);
    }

    if (look->shown_else) {
        jm_pixel_add(pixel, SHOWN_ELSE);
    }

    if (look->repeated) {
        jm_pixel_add(pixel, REPEATED);
    }

    if (!look->background) {
        jm_pixel_add(pixel, look->alt ? ALT : NO_ALT);
    }

    if (look->edge) {
        jm_pixel_add(pixel, EDGE);
    }

    if (look->apart) {
        jm_pixel_add(pixel, APART);
    }
}


/* Does anything but the rule say that it is no picture to look at? */
static int
jm_pixel_agrees(jm_pixel_t *pixel)
{
    return (pixel->signs
            & (UINT32_C(1) << TINY | UINT32_C(1) << ZERO | UINT32_C(1) << THREE
               | UINT32_C(1) << HIDDEN | UINT32_C(1) << HIDDEN_ABOVE
               | UINT32_C(1) << TOKEN | UINT32_C(1) << RECIPIENT))
           != 0;
}


static void
jm_pixel_rule(jm_pixel_t *pixel)
{
    int agrees;

    agrees = jm_pixel_agrees(pixel);

    switch (pixel->rule->confidence) {

    case JM_TRACKER_HIGH:
        jm_pixel_add(pixel, RULE_HIGH);
        pixel->named = 1;
        return;

    case JM_TRACKER_MEDIUM:
        jm_pixel_add(pixel, pixel->rule->host_only && !agrees ? RULE_HOST
                                                              : RULE_MEDIUM);
        pixel->named = agrees;
        return;

    default:
        if (agrees || jm_pixel_has(pixel, EDGE)) {
            jm_pixel_add(pixel, RULE_LOW);
        }
    }
}


void
jm_pixel_judge(jm_pixel_t *pixel, const jm_pixel_look_t *look,
               const jm_url_t *url, const jm_sender_t *sender)
{
    memset(pixel, 0, sizeof(jm_pixel_t));
    pixel->rule = jm_tracker_find(url->host, url->rest, NULL);

    jm_pixel_size(pixel, look);
    jm_pixel_place(pixel, look);
    jm_pixel_url(pixel, url, sender);

    if (pixel->rule != NULL) {
        jm_pixel_rule(pixel);
    }

    /* known for sure: nothing speaks against it */
    if (jm_pixel_has(pixel, RULE_HIGH) || pixel->score >= JM_PIXEL_TRACKER) {
        pixel->is = JM_PIXEL_YES;

    } else if (pixel->score >= JM_PIXEL_MAYBE) {
        pixel->is = JM_PIXEL_POSSIBLE;
    }

    if (jm_pixel_explained) {
        jm_pixel_tell(pixel, url);
    }
}
