/*
 * The log behind log.h.  Called from every process of the daemon.
 */

#include "log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#define JM_LOG_LINE 1024


void
jm_log(const char *format, ...)
{
    int         len, err;
    char        text[JM_LOG_LINE], line[JM_LOG_LINE];
    size_t      n;
    va_list     args;
    const char *p;

    err = errno;

    va_start(args, format);
    len = vsnprintf(text, sizeof(text), format, args);
    va_end(args);

    if (len < 0) {
        return;
    }

    n = (size_t) snprintf(line, sizeof(line),
                          "junkmaild[%d]: ", (int) getpid());

    for (p = text; *p != '\0' && n < sizeof(line) - 6; p++) {
        if (*p >= ' ' && *p <= '~') {
            line[n++] = *p;
        } else {
            n += (size_t) snprintf(line + n, 5, "\\x%02x", (u_char) *p);
        }
    }

    line[n++] = '\n';

    /* A log that cannot be written must not stop mail. */

    while (write(STDERR_FILENO, line, n) < 0 && errno == EINTR) {
        /* void */
    }

    errno = err;
}
