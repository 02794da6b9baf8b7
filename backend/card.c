/*
 * The readable text of card.h.  Both formats are lines of "NAME;PARAM=…:value"
 * in components from BEGIN to END, long lines folded (RFC 5545, 3.1; RFC 6350,
 * 3.2): one reader, one table of what is shown of each.
 */

#define _GNU_SOURCE /* memmem */

#include "card.h"

#include <strings.h>

#include "charset.h"
#include "base64.h"
#include "media.h"
#include "text.h"

#define JM_CARD_ENTRIES 20            /* events or people shown */
#define JM_CARD_LINES   20000         /* looked at */
#define JM_CARD_LINE    (1024 * 1024) /* bytes of one, unfolded */

typedef struct jm_card_line_s {
    jm_str_t name; /* without a group in front */
    jm_str_t params;
    jm_str_t value;
} jm_card_line_t;

typedef void (*jm_card_show_pt)(jm_buf_t *out, const jm_card_line_t *line);

typedef struct {
    const char     *component;
    const char     *name;
    const char     *label;
    jm_card_show_pt show;
} jm_card_field_t;

static void jm_card_show_text(jm_buf_t *out, const jm_card_line_t *line);
static void jm_card_show_time(jm_buf_t *out, const jm_card_line_t *line);
static void jm_card_show_person(jm_buf_t *out, const jm_card_line_t *line);
static void jm_card_show_rule(jm_buf_t *out, const jm_card_line_t *line);
static void jm_card_show_parts(jm_buf_t *out, const jm_card_line_t *line);

/* In the order in which they are shown. */

static const jm_card_field_t jm_card_fields[] = {
    { "VEVENT", "SUMMARY", "Event", jm_card_show_text },
    { "VEVENT", "STATUS", "Status", jm_card_show_text },
    { "VEVENT", "DTSTART", "From", jm_card_show_time },
    { "VEVENT", "DTEND", "Until", jm_card_show_time },
    { "VEVENT", "RRULE", "Repeated", jm_card_show_rule },
    { "VEVENT", "LOCATION", "Place", jm_card_show_text },
    { "VEVENT", "ORGANIZER", "Organiser", jm_card_show_person },
    { "VEVENT", "URL", "Link", jm_card_show_text },
    { "VEVENT", "DESCRIPTION", NULL, jm_card_show_text },
    { "VTODO", "SUMMARY", "Task", jm_card_show_text },
    { "VTODO", "STATUS", "Status", jm_card_show_text },
    { "VTODO", "DUE", "Due", jm_card_show_time },
    { "VTODO", "ORGANIZER", "Organiser", jm_card_show_person },
    { "VTODO", "URL", "Link", jm_card_show_text },
    { "VTODO", "DESCRIPTION", NULL, jm_card_show_text },
    { "VCARD", "FN", "Name", jm_card_show_text },
    { "VCARD", "ORG", "Organisation", jm_card_show_parts },
    { "VCARD", "TITLE", "Title", jm_card_show_text },
    { "VCARD", "TEL", "Phone", jm_card_show_text },
    { "VCARD", "EMAIL", "Mail", jm_card_show_text },
    { "VCARD", "ADR", "Address", jm_card_show_parts },
    { "VCARD", "URL", "Link", jm_card_show_text },
};

#define JM_CARD_FIELDS (sizeof(jm_card_fields) / sizeof(jm_card_fields[0]))

/* What of one entry is there so far, by field. */
typedef struct {
    jm_card_line_t lines[JM_CARD_FIELDS];
    const char    *component; /* one of the table, NULL outside */
    unsigned       inner;     /* components within it: alarms */
    unsigned       entries;
    jm_str_t       method;
    jm_str_t       photo; /* base64; of the entry that is being read */
} jm_card_t;


static int
jm_card_is(jm_str_t s, const char *word)
{
    return s.len == strlen(word)
           && strncasecmp((char *) s.data, word, s.len) == 0;
}


int
jm_card_type(jm_str_t type)
{
    return jm_card_is(type, "text/calendar") || jm_card_is(type, "text/vcard")
           || jm_card_is(type, "text/x-vcard")
           || jm_card_is(type, "text/x-vcalendar")
           || jm_card_is(type, "application/ics")
           || jm_card_is(type, "text/directory");
}


/* The next line with its continuations put together, or 0 at the end. */
static int
jm_card_next(jm_arena_t *arena, jm_str_t *rest, jm_str_t *line)
{
    jm_buf_t buf;
    jm_str_t more;

    if (rest->len == 0) {
        return 0;
    }

    *line = jm_text_line(rest);

    if (rest->len == 0 || (rest->data[0] != ' ' && rest->data[0] != '\t')) {
        return 1;
    }

    jm_buf_init(&buf, arena, JM_CARD_LINE);
    jm_buf_add(&buf, line->data, line->len);

    while (rest->len != 0 && (rest->data[0] == ' ' || rest->data[0] == '\t')) {
        more = jm_text_line(rest);
        jm_buf_add(&buf, more.data + 1, more.len - (more.len != 0));
    }

    *line = jm_charset_trim(jm_buf_str(&buf), JM_CARD_LINE - 4);

    return 1;
}


static void
jm_card_split(jm_card_line_t *out, jm_str_t line)
{
    size_t i;
    int    quoted;

    memset(out, 0, sizeof(jm_card_line_t));

    if (line.len == 0) {
        return;
    }

    quoted = 0;
    out->name.data = line.data;

    for (i = 0; i < line.len; i++) {
        if (line.data[i] == '.' && out->params.data == NULL) {
            out->name.data = line.data + i + 1;

        } else if (line.data[i] == ';' && out->params.data == NULL) {
            out->name.len = line.data + i - out->name.data;
            out->params.data = line.data + i + 1;

        } else if (line.data[i] == '"') {
            quoted = !quoted;

        } else if (line.data[i] == ':' && !quoted) {
            break;
        }
    }

    if (out->params.data == NULL) {
        out->name.len = line.data + i - out->name.data;
    } else {
        out->params.len = line.data + i - out->params.data;
    }

    if (i < line.len) {
        out->value.data = line.data + i + 1;
        out->value.len = line.len - i - 1;
    }
}


/* The value of a parameter, without its quotes; empty if there is none. */
static jm_str_t
jm_card_param(const jm_card_line_t *line, const char *name)
{
    size_t        len;
    jm_str_t      value;
    const u_char *p, *end, *stop;

    if (line->params.len == 0) {
        return jm_str("");
    }

    p = line->params.data;
    end = p + line->params.len;
    len = strlen(name);

    while (p < end) {
        for (stop = p; stop < end && *stop != ';'; stop++) {
            if (*stop == '"') {
                stop = memchr(stop + 1, '"', end - stop - 1);
                stop = stop == NULL ? end - 1 : stop;
            }
        }

        if ((size_t) (stop - p) > len && p[len] == '='
            && strncasecmp((char *) p, name, len) == 0)
        {
            value.data = (u_char *) p + len + 1;
            value.len = stop - p - len - 1;

            if (value.len > 1 && value.data[0] == '"') {
                value.data++;
                value.len--;
                value.len -= (value.data[value.len - 1] == '"');
            }

            return value;
        }

        p = stop + (stop < end);
    }

    return jm_str("");
}


/* TEXT: backslashes before commas and the like, \n for a line end. */
static void
jm_card_show_text(jm_buf_t *out, const jm_card_line_t *line)
{
    size_t i;
    u_char c;

    for (i = 0; i < line->value.len; i++) {
        c = line->value.data[i];

        if (c == '\\' && i + 1 < line->value.len) {
            c = line->value.data[++i];
            c = c == 'n' || c == 'N' ? '\n' : c;
        }

        jm_buf_addc(out, c);
    }
}


/* Components parted by semicolons: those that are there, with commas. */
static void
jm_card_show_parts(jm_buf_t *out, const jm_card_line_t *line)
{
    size_t         i, start, before;
    jm_card_line_t part;

    before = out->len;
    start = 0;
    part = *line;

    for (i = 0; i <= line->value.len; i++) {
        if (i < line->value.len && line->value.data[i] == '\\') {
            i++;
            continue;
        }

        if (i < line->value.len && line->value.data[i] != ';') {
            continue;
        }

        part.value.data = line->value.data + start;
        part.value.len = i - start;
        start = i + 1;

        if (part.value.len != 0) {
            jm_buf_adds(out, out->len != before ? ", " : "");
            jm_card_show_text(out, &part);
        }
    }
}


static int
jm_card_digits(const u_char *p, size_t n)
{
    while (n != 0 && *p >= '0' && *p <= '9') {
        p++;
        n--;
    }

    return n == 0;
}


/* 20240305, 20240305T123000, 20240305T123000Z. */
static void
jm_card_show_time(jm_buf_t *out, const jm_card_line_t *line)
{
    jm_str_t      zone;
    const u_char *p;

    p = line->value.data;

    if (line->value.len < 8 || !jm_card_digits(p, 8)) {
        jm_card_show_text(out, line);
        return;
    }

    jm_buf_printf(out, "%.4s-%.2s-%.2s", p, p + 4, p + 6);

    if (line->value.len < 13 || p[8] != 'T' || !jm_card_digits(p + 9, 4)) {
        return;
    }

    jm_buf_printf(out, " %.2s:%.2s", p + 9, p + 11);
    zone = jm_card_param(line, "TZID");

    if (p[line->value.len - 1] == 'Z') {
        jm_buf_adds(out, " UTC");

    } else if (zone.len != 0) {
        jm_buf_printf(out, " (%.*s)", (int) zone.len, zone.data);
    }
}


/* "ORGANIZER;CN=Ada:mailto:ada@example.org" */
static void
jm_card_show_person(jm_buf_t *out, const jm_card_line_t *line)
{
    jm_str_t name, address;

    name = jm_card_param(line, "CN");
    address = line->value;

    if (address.len > 7
        && strncasecmp((char *) address.data, "mailto:", 7) == 0) {
        address.data += 7;
        address.len -= 7;
    }

    if (name.len != 0) {
        jm_buf_printf(out, "%.*s <%.*s>", (int) name.len, name.data,
                      (int) address.len, address.data);

    } else {
        jm_buf_add(out, address.data, address.len);
    }
}


/* "FREQ=WEEKLY;…": how often. */
static void
jm_card_show_rule(jm_buf_t *out, const jm_card_line_t *line)
{
    u_char         c;
    size_t         i;
    jm_str_t       often;
    jm_card_line_t rule;

    rule = *line;
    rule.params = line->value;
    often = jm_card_param(&rule, "FREQ");

    for (i = 0; i < often.len; i++) {
        c = often.data[i];
        jm_buf_addc(out, c >= 'A' && c <= 'Z' ? c | 0x20 : c);
    }
}


/* The entry that is whole now. */
static void
jm_card_write(jm_buf_t *out, jm_card_t *card)
{
    size_t                 i;
    const jm_card_field_t *field;

    jm_buf_adds(out, card->entries++ != 0 ? "\n" : "");

    if (jm_card_is(card->method, "CANCEL")) {
        jm_buf_adds(out, "Cancelled\n");
    }

    for (i = 0; i < JM_CARD_FIELDS; i++) {
        field = &jm_card_fields[i];

        if (card->lines[i].value.len == 0) {
            continue;
        }

        if (field->label != NULL) {
            jm_buf_printf(out, "%s: ", field->label);
        } else {
            jm_buf_addc(out, '\n');
        }

        field->show(out, &card->lines[i]);
        jm_buf_addc(out, '\n');
    }

    memset(card->lines, 0, sizeof(card->lines));
}


static void
jm_card_begin(jm_card_t *card, jm_str_t name)
{
    size_t i;

    if (card->component != NULL) {
        card->inner++;
        return;
    }

    for (i = 0; i < JM_CARD_FIELDS; i++) {
        if (jm_card_is(name, jm_card_fields[i].component)) {
            card->component = jm_card_fields[i].component;
            return;
        }
    }
}


/* The bytes of "data:image/png;base64,…" or, before vCard 4, those said to be
 * encoded.  Anything else is an address, which is not asked. */
static void
jm_card_photo(jm_card_t *card, const jm_card_line_t *line)
{
    jm_str_t          value;
    const u_char     *p;
    static const char mark[] = ";base64,";

    value = line->value;
    p = value.len == 0 ? NULL
                       : memmem(value.data, value.len, mark, sizeof(mark) - 1);

    if (p != NULL && strncasecmp((char *) value.data, "data:", 5) == 0) {
        p += sizeof(mark) - 1;
        value.len = value.data + value.len - p;
        value.data = (u_char *) p;

    } else if (jm_card_param(line, "ENCODING").len == 0) {
        return;
    }

    card->photo = value;
}


/* The first of each; nobody here reads vCard 2.1's quoted-printable. */
static void
jm_card_field(jm_card_t *card, const jm_card_line_t *line)
{
    size_t i;

    if (card->component == NULL || card->inner != 0) {
        return;
    }

    if (jm_card_is(line->name, "PHOTO")
        && strcmp(card->component, "VCARD") == 0) {
        jm_card_photo(card, line);
        return;
    }

    if (jm_card_param(line, "ENCODING").len != 0) {
        return;
    }

    for (i = 0; i < JM_CARD_FIELDS; i++) {
        if (strcmp(jm_card_fields[i].component, card->component) == 0
            && jm_card_is(line->name, jm_card_fields[i].name)
            && card->lines[i].value.len == 0)
        {
            card->lines[i] = *line;
        }
    }
}


/* The photo of the entry that is whole now, if it is one. */
static jm_str_t
jm_card_raster(jm_arena_t *arena, jm_card_t *card)
{
    jm_buf_t bytes;
    jm_str_t photo;

    jm_buf_init(&bytes, arena, JM_CARD_LINE);
    jm_base64_decode(&bytes, card->photo);
    photo = jm_buf_str(&bytes);
    card->photo.len = 0;

    return jm_media_raster(photo) != NULL ? photo : jm_str("");
}


void
jm_card_text(jm_buf_t *out, jm_str_t data, jm_str_t *photo)
{
    size_t         n;
    jm_str_t       text;
    jm_card_t      card;
    jm_card_line_t line;

    memset(&card, 0, sizeof(jm_card_t));
    *photo = jm_str("");

    for (n = 0; n < JM_CARD_LINES && card.entries < JM_CARD_ENTRIES
                && jm_card_next(out->arena, &data, &text);
         n++)
    {
        jm_card_split(&line, text);

        if (jm_card_is(line.name, "BEGIN")) {
            jm_card_begin(&card, line.value);

        } else if (!jm_card_is(line.name, "END")) {
            if (jm_card_is(line.name, "METHOD")) {
                card.method = line.value;
            }

            jm_card_field(&card, &line);

        } else if (card.inner != 0) {
            card.inner--;

        } else if (card.component != NULL) {
            jm_card_write(out, &card);
            card.component = NULL;

            if (photo->len == 0 && card.photo.len != 0) {
                *photo = jm_card_raster(out->arena, &card);
            }
        }
    }
}
