/*
 * The command side of SMTP and LMTP (RFC 5321 4.1): bytes in, command lines
 * out, and a line taken apart into verb, path and ESMTP parameters.  Called by
 * the SMTP session in nginx and by the LMTP server in junkmaild.  Allocates
 * nothing: all slices point into the reader's own line.
 */

#ifndef JM_SMTP_H
#define JM_SMTP_H

#include <stdint.h>

#include "jm_address.h"
#include "jm_str.h"

#define JM_SMTP_LINE   2048 /* octets of a command line, its CRLF included */
#define JM_SMTP_FLOOD  8192 /* a line longer than this ends the session */
#define JM_SMTP_PARAMS 16   /* ESMTP parameters of one command */

/* Start with all zeros; after each result but AGAIN it is ready for the next
 * line by itself. */
typedef struct {
    u_char   data[JM_SMTP_LINE];
    size_t   len;     /* octets of the line so far, kept or not */
    unsigned cr : 1;  /* the last octet was a CR */
    unsigned bad : 1; /* a bare CR or another control character is in it */
} jm_smtp_line_t;

typedef enum {
    JM_LINE_OK = 0, /* `text` holds the line without its CRLF */
    JM_LINE_AGAIN,  /* all input is used up, the line goes on */
    JM_LINE_LONG,   /* skipped to its CRLF: longer than JM_SMTP_LINE */
    JM_LINE_BAD,    /* skipped to its CRLF: a control character was in it */
    JM_LINE_BARE,   /* a bare LF; the caller must end the session */
    JM_LINE_FLOOD   /* over JM_SMTP_FLOOD; the caller must end the session */
} jm_line_status_t;

/*
 * Reads from *pos to `last`, at most one line, and moves *pos.  A line ends at
 * CRLF and nowhere else (RFC 5321 2.3.8).  Of a line that is not OK `text` is
 * what was kept, to be looked at, not run.  It stays valid until the next
 * call.
 */
jm_line_status_t jm_smtp_line_read(jm_smtp_line_t *line, const u_char **pos,
                                   const u_char *last, jm_str_t *text);

/*
 * Splits a line at its first space: the verb, and the argument without white
 * space around it; either may be empty.
 */
void jm_smtp_split(jm_str_t line, jm_str_t *verb, jm_str_t *arg);

/* 1 when `text` is `word`, ASCII case aside. */
int jm_smtp_is(jm_str_t text, const char *word);

typedef struct {
    jm_str_t name;
    jm_str_t value;         /* empty when there is none */
    unsigned has_value : 1; /* there was a `=` */
} jm_smtp_param_t;

typedef struct {
    jm_address_t    address;
    jm_smtp_param_t params[JM_SMTP_PARAMS];
    size_t          nparams;
} jm_smtp_path_t;

typedef enum {
    JM_PATH_OK = 0,
    JM_PATH_SYNTAX,  /* not `FROM:<…>`: 501 5.5.4 */
    JM_PATH_ADDRESS, /* the path breaks the grammar: 501 5.1.3 or 5.1.7 */
    JM_PATH_PARAM    /* a parameter does, or there are too many: 501 5.5.4 */
} jm_path_status_t;

/*
 * Parses the argument of MAIL (`keyword` is "FROM") or RCPT ("TO").  Space
 * after the colon is not in the grammar, but many send it: accepted.
 */
jm_path_status_t jm_smtp_path(jm_str_t arg, const char *keyword,
                              jm_smtp_path_t *out);

/* The parameter called `name`, or NULL. */
const jm_smtp_param_t *jm_smtp_param(const jm_smtp_path_t *path,
                                     const char           *name);

/*
 * A decimal number of 1–20 digits, as in SIZE (RFC 1870) and BDAT.  0, or -1
 * when it is none or does not fit 63 bits.
 */
int jm_smtp_number(jm_str_t text, uint64_t *out);

/*
 * Makes foreign text safe for a header, a log or a reply: printable ASCII
 * without the characters `()<>@,;:\"` and space (of these `:` stays, for IPv6
 * literals) is copied, every other octet becomes `?`.  Returns the length, at
 * most `size`.
 */
size_t jm_smtp_token(jm_str_t text, u_char *out, size_t size);

#endif /* JM_SMTP_H */
