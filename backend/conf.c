/*
 * Reads junkmail.conf: `name value;`, comments from `#` to the end of the
 * line, a value with spaces or semicolons in double quotes.  Each option
 * stands in one table with its default and its limits, and may be given once.
 *
 * Called by main.c at start and by supervisor.c on SIGHUP.  The strings are
 * the configuration's own and live as long as the process.
 */

#include "conf.h"

#include <ctype.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#define JM_CONF_TOKEN 4096 /* longest name or value, its NUL included */

typedef enum {
    JM_CONF_TEXT,  /* at most `max` characters; `min` 1: may not be empty */
    JM_CONF_COUNT, /* int, `min` to `max` */
    JM_CONF_SIZE,  /* size_t with optional k or m, `min` to `max` bytes */
    JM_CONF_FLAG   /* int: on or off */
} jm_conf_type_t;

typedef struct {
    const char    *name;
    jm_conf_type_t type;
    size_t         offset;
    const char    *value; /* default, as it would stand in the file */
    uint64_t       min;
    uint64_t       max;
} jm_conf_option_t;

/* What is being read, and where: for the parser and its error messages. */
typedef struct {
    const char *path;
    FILE       *file;
    unsigned    line;
    unsigned    token_line; /* where the last token began */
    char        token[JM_CONF_TOKEN];
    uint64_t    seen; /* bit n: option n has been given */
} jm_conf_file_t;

typedef enum {
    JM_TOKEN_WORD,
    JM_TOKEN_END, /* the `;` */
    JM_TOKEN_EOF,
    JM_TOKEN_ERROR /* has been reported */
} jm_token_t;

static int        jm_conf_rest(jm_conf_t *conf, jm_conf_file_t *f);
static int        jm_conf_statement(jm_conf_t *conf, jm_conf_file_t *f);
static int        jm_conf_set(jm_conf_t *conf, jm_conf_file_t *f,
                              const jm_conf_option_t *option, const char *value);
static jm_token_t jm_conf_token(jm_conf_file_t *f);

/* A socket's path must fit sockaddr_un, with room for the suffix of the lock
   and of the name it is bound under first. */

#define JM_SOCKET_MAX (sizeof(((struct sockaddr_un *) 0)->sun_path) - 6)

static const jm_conf_option_t jm_conf_options[] = {
    { "redis", JM_CONF_TEXT, offsetof(jm_conf_t, redis),
      "/run/junkmail/redis.sock", 1, JM_SOCKET_MAX },
    { "passwords", JM_CONF_TEXT, offsetof(jm_conf_t, passwords),
      "/etc/junkmail", 1, 1024 },
    { "lmtp", JM_CONF_TEXT, offsetof(jm_conf_t, lmtp),
      "/run/junkmail/lmtp.sock", 1, JM_SOCKET_MAX },
    { "library", JM_CONF_TEXT, offsetof(jm_conf_t, library),
      "/usr/local/share/junkmail/junkmail.lua", 1, 1024 },
    { "user", JM_CONF_TEXT, offsetof(jm_conf_t, user), "nobody", 1, 256 },
    { "group", JM_CONF_TEXT, offsetof(jm_conf_t, group), "", 0, 256 },
    { "trackers", JM_CONF_TEXT, offsetof(jm_conf_t, trackers), "", 0, 1024 },
    { "pid", JM_CONF_TEXT, offsetof(jm_conf_t, pid), "", 0, 1024 },
    { "workers", JM_CONF_COUNT, offsetof(jm_conf_t, workers), "4", 1, 64 },

    /* What nginx's edge takes by default, 25 MiB, and its trace header; more
       than 64 MiB would not fit a worker's memory several times over. */

    { "message_size", JM_CONF_SIZE, offsetof(jm_conf_t, message_size), "26m",
      64 * 1024, 64 * 1024 * 1024 },
    { "keep_originals", JM_CONF_FLAG, offsetof(jm_conf_t, keep_originals),
      "on", 0, 0 },
    { "bin_days", JM_CONF_COUNT, offsetof(jm_conf_t, bin_days), "7", 0,
      36500 },
    { "idle_days", JM_CONF_COUNT, offsetof(jm_conf_t, idle_days), "30", 0,
      36500 },
};

#define JM_CONF_OPTIONS (sizeof(jm_conf_options) / sizeof(jm_conf_options[0]))


static int
jm_conf_error(const jm_conf_file_t *f, const char *what, const char *name)
{
    fprintf(stderr, "junkmaild: %s:%u: ", f->path, f->token_line);

    if (name != NULL) {
        fprintf(stderr, "\"%s\" ", name);
    }

    fprintf(stderr, "%s\n", what);

    return -1;
}


int
jm_conf_read(jm_conf_t *conf, const char *path)
{
    int            rc;
    jm_conf_file_t f;

    memset(conf, 0, sizeof(jm_conf_t));
    memset(&f, 0, sizeof(jm_conf_file_t));

    f.path = path;
    f.line = 1;
    f.file = fopen(path, "re");

    if (f.file == NULL) {
        fprintf(stderr, "junkmaild: %s: %s\n", path, strerror(errno));
        return -1;
    }

    do {
        rc = jm_conf_statement(conf, &f);
    } while (rc > 0);

    if (rc == 0 && ferror(f.file)) {
        fprintf(stderr, "junkmaild: %s: %s\n", path, strerror(errno));
        rc = -1;
    }

    fclose(f.file);

    return rc == 0 ? jm_conf_rest(conf, &f) : rc;
}


int
jm_conf_defaults(jm_conf_t *conf)
{
    jm_conf_file_t f;

    memset(conf, 0, sizeof(jm_conf_t));
    memset(&f, 0, sizeof(jm_conf_file_t));

    f.path = "defaults";

    return jm_conf_rest(conf, &f);
}


/* What the file has not said. */

static int
jm_conf_rest(jm_conf_t *conf, jm_conf_file_t *f)
{
    size_t i;

    for (i = 0; i < JM_CONF_OPTIONS; i++) {
        if ((f->seen & (UINT64_C(1) << i)) == 0
            && jm_conf_set(conf, f, &jm_conf_options[i],
                           jm_conf_options[i].value)
                   != 0)
        {
            return -1;
        }
    }

    return 0;
}


/* One `name value;`.  1 when there was one, 0 at the end, -1. */

static int
jm_conf_statement(jm_conf_t *conf, jm_conf_file_t *f)
{
    char                    name[JM_CONF_TOKEN];
    size_t                  i;
    jm_token_t              token;
    const jm_conf_option_t *option;

    token = jm_conf_token(f);

    switch (token) {
    case JM_TOKEN_EOF:
        return 0;
    case JM_TOKEN_ERROR:
        return -1;
    case JM_TOKEN_END:
        return jm_conf_error(f, "unexpected \";\"", NULL);
    default:
        break;
    }

    memcpy(name, f->token, sizeof(name));

    for (i = 0; i < JM_CONF_OPTIONS; i++) {
        if (strcmp(jm_conf_options[i].name, name) == 0) {
            break;
        }
    }

    if (i == JM_CONF_OPTIONS) {
        return jm_conf_error(f, "is not an option of junkmaild", name);
    }

    if (f->seen & (UINT64_C(1) << i)) {
        return jm_conf_error(f, "is given twice", name);
    }

    f->seen |= UINT64_C(1) << i;
    option = &jm_conf_options[i];
    token = jm_conf_token(f);

    if (token == JM_TOKEN_ERROR) {
        return -1;
    }

    if (token != JM_TOKEN_WORD) {
        return jm_conf_error(f, "wants a value", name);
    }

    if (jm_conf_set(conf, f, option, f->token) != 0) {
        return -1;
    }

    token = jm_conf_token(f);

    if (token == JM_TOKEN_ERROR) {
        return -1;
    }

    if (token != JM_TOKEN_END) {
        return jm_conf_error(f, "wants one value and a \";\"", name);
    }

    return 1;
}


/* A decimal number; with `units`, k and m multiply.  0 or -1. */

static int
jm_conf_number(const char *text, int units, uint64_t *out)
{
    char              *end;
    unsigned long long n;

    if (!isdigit((u_char) *text)) {
        return -1;
    }

    errno = 0;
    n = strtoull(text, &end, 10);

    if (errno != 0 || n > UINT32_MAX) {
        return -1;
    }

    if (units && (*end == 'k' || *end == 'K')) {
        n *= 1024;
        end++;

    } else if (units && (*end == 'm' || *end == 'M')) {
        n *= 1024 * 1024;
        end++;
    }

    *out = n;

    return *end == '\0' ? 0 : -1;
}


static int
jm_conf_set(jm_conf_t *conf, jm_conf_file_t *f, const jm_conf_option_t *option,
            const char *value)
{
    char    *copy;
    void    *field;
    size_t   len;
    uint64_t n;

    field = (u_char *) conf + option->offset;

    switch (option->type) {

    case JM_CONF_TEXT:
        len = strlen(value);

        if (len < option->min) {
            return jm_conf_error(f, "may not be empty", option->name);
        }

        if (len > option->max) {
            return jm_conf_error(f, "is too long", option->name);
        }

        copy = len == 0 ? NULL : strdup(value);
        if (copy == NULL && len != 0) {
            return jm_conf_error(f, "does not fit into memory", option->name);
        }

        *(char **) field = copy;
        return 0;

    case JM_CONF_FLAG:
        if (strcmp(value, "on") != 0 && strcmp(value, "off") != 0) {
            return jm_conf_error(f, "is \"on\" or \"off\"", option->name);
        }

        *(int *) field = strcmp(value, "on") == 0;
        return 0;

    default:
        break;
    }

    if (jm_conf_number(value, option->type == JM_CONF_SIZE, &n) != 0) {
        return jm_conf_error(f, "wants a number", option->name);
    }

    if (n < option->min || n > option->max) {
        fprintf(stderr, "junkmaild: %s:%u: \"%s\" must be %llu to %llu\n",
                f->path, f->token_line, option->name,
                (unsigned long long) option->min,
                (unsigned long long) option->max);
        return -1;
    }

    if (option->type == JM_CONF_SIZE) {
        *(size_t *) field = (size_t) n;
    } else {
        *(int *) field = (int) n;
    }

    return 0;
}


/* The next character, its line counted. */

static int
jm_conf_getc(jm_conf_file_t *f)
{
    int c;

    c = getc(f->file);

    if (c == '\n') {
        f->line++;
    }

    return c;
}


/* A character of a token, or -1 when the token is too long or holds NUL. */

static int
jm_conf_put(jm_conf_file_t *f, size_t *len, int c)
{
    if (c == '\0') {
        return jm_conf_error(f, "a NUL character", NULL);
    }

    if (*len + 1 == sizeof(f->token)) {
        return jm_conf_error(f, "too long a word", NULL);
    }

    f->token[(*len)++] = (char) c;
    f->token[*len] = '\0';

    return 0;
}


static jm_token_t
jm_conf_quoted(jm_conf_file_t *f)
{
    int    c;
    size_t len;

    len = 0;

    for (;;) {
        c = jm_conf_getc(f);

        if (c == '\\') {
            c = jm_conf_getc(f);

        } else if (c == '"') {
            return JM_TOKEN_WORD;
        }

        if (c == EOF || c == '\n') {
            jm_conf_error(f, "a quote is not closed", NULL);
            return JM_TOKEN_ERROR;
        }

        if (jm_conf_put(f, &len, c) != 0) {
            return JM_TOKEN_ERROR;
        }
    }
}


static jm_token_t
jm_conf_token(jm_conf_file_t *f)
{
    int    c;
    size_t len;

    do {
        c = jm_conf_getc(f);

        if (c == '#') {
            while (c != '\n' && c != EOF) {
                c = jm_conf_getc(f);
            }
        }
    } while (c != EOF && isspace(c));

    f->token[0] = '\0';
    f->token_line = f->line;

    if (c == EOF) {
        return JM_TOKEN_EOF;
    }

    if (c == ';') {
        return JM_TOKEN_END;
    }

    if (c == '"') {
        return jm_conf_quoted(f);
    }

    for (len = 0; c != EOF && c != ';' && c != '#' && c != '"' && !isspace(c);
         c = getc(f->file))
    {
        if (jm_conf_put(f, &len, c) != 0) {
            return JM_TOKEN_ERROR;
        }
    }

    /* What ended the word is the next token's. */

    if (c != EOF) {
        ungetc(c, f->file);
    }

    return JM_TOKEN_WORD;
}
