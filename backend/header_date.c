/*
 * The date of a header field behind header.h, as RFC 5322 has it and as mail
 * has it.
 */

#include "header.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <time.h>

static const char jm_months[] = "janfebmaraprmayjunjulaugsepoctnovdec";

/* Named zones of RFC 5322, 4.3, in minutes; any other is taken as UTC. */
static const struct {
    char name[5];
    int  minutes;
} jm_zones[] = {
    { "edt", -240 }, { "est", -300 }, { "cdt", -300 }, { "cst", -360 },
    { "mdt", -360 }, { "mst", -420 }, { "pdt", -420 }, { "pst", -480 },
    { "cet", 60 },   { "cest", 120 }, { "bst", 60 },   { "jst", 540 },
};


static int
jm_date_month(const char *token)
{
    int i;

    for (i = 0; i < 12; i++) {
        if (strncasecmp(token, jm_months + i * 3, 3) == 0) {
            return i;
        }
    }

    return -1;
}


static int
jm_date_zone(const char *token, int *minutes)
{
    int    value;
    size_t i;

    if (token[0] == '+' || token[0] == '-') {
        if (strspn(token + 1, "0123456789") < 4) {
            return -1;
        }

        value = atoi(token + 1) % 10000;
        value = value / 100 * 60 + value % 100;
        *minutes = token[0] == '-' ? -value : value;
        return 0;
    }

    for (i = 0; i < sizeof(jm_zones) / sizeof(jm_zones[0]); i++) {
        if (strcasecmp(token, jm_zones[i].name) == 0) {
            *minutes = jm_zones[i].minutes;
            return 0;
        }
    }

    return -1;
}


/* A number of the date: the day when small and first, else the year. */
static void
jm_date_number(struct tm *tm, const char *token)
{
    int value;

    value = atoi(token);

    if (tm->tm_mday == 0 && value >= 1 && value <= 31) {
        tm->tm_mday = value;

    } else if (tm->tm_year == -1) {
        /* RFC 5322, 4.3: years of two and three digits */
        if (value < 50) {
            value += 2000;

        } else if (value < 1000) {
            value += 1900;
        }

        tm->tm_year = value;
    }
}


static void
jm_date_token(struct tm *tm, int *zone, const char *token)
{
    int month;

    if (strchr(token, ':') != NULL) {
        (void) sscanf(token, "%2d:%2d:%2d", &tm->tm_hour, &tm->tm_min,
                      &tm->tm_sec);
        return;
    }

    if (strlen(token) <= 4 && isdigit((u_char) token[0])) {
        jm_date_number(tm, token);
        return;
    }

    if (tm->tm_hour >= 0 && jm_date_zone(token, zone) == 0) {
        return;
    }

    month = jm_date_month(token);

    if (month >= 0 && tm->tm_mon < 0) {
        tm->tm_mon = month;
    }
}


int64_t
jm_header_date(jm_str_t value)
{
    int       zone;
    char      text[129], *token, *state;
    size_t    i, n, depth;
    struct tm tm;

    /* Comments go, "10-Jun-2024" becomes three tokens, "-0700" stays one. */

    for (i = 0, n = 0, depth = 0; i < value.len && n < 128; i++) {
        if (value.data[i] == '(') {
            depth++;

        } else if (value.data[i] == ')' && depth != 0) {
            depth--;

        } else if (depth == 0) {
            text[n++] = value.data[i] == 0 ? ' ' : value.data[i];

            if (value.data[i] == '-' && n > 1 && text[n - 2] != ' ') {
                text[n - 1] = ' ';
            }
        }
    }

    text[n] = '\0';
    memset(&tm, 0, sizeof(struct tm));
    tm.tm_mon = -1;
    tm.tm_year = -1;
    tm.tm_hour = -1;
    zone = 0;

    for (token = strtok_r(text, " \t\r\n,", &state); token != NULL;
         token = strtok_r(NULL, " \t\r\n,", &state))
    {
        jm_date_token(&tm, &zone, token);
    }

    if (tm.tm_mon < 0 || tm.tm_mday == 0 || tm.tm_year < 1900
        || tm.tm_year > 9999 || tm.tm_hour > 23 || tm.tm_min < 0
        || tm.tm_min > 59 || tm.tm_sec < 0 || tm.tm_sec > 60)
    {
        return -1;
    }

    if (tm.tm_hour < 0) {
        tm.tm_hour = 0;
    }

    tm.tm_year -= 1900;

    return (int64_t) timegm(&tm) - (int64_t) zone * 60;
}
