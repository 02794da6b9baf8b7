/*
 * What jm_session.c and jm_session_command.c have of each other; nobody else
 * includes it.
 */

#ifndef JM_SESSION_COMMAND_H
#define JM_SESSION_COMMAND_H

#include "jm_session.h"


/* jm_session_command.c */

/* Runs a command line. */
jm_session_event_t jm_session_command(jm_session_t *s, jm_str_t line);

/* Refuses a line that cannot be run for how it is written. */
jm_session_event_t jm_session_garbled(jm_session_t *s, jm_str_t line,
                                      jm_session_reply_t reply);

/* What a message is refused with before it has begun, or NONE. */
jm_session_reply_t jm_session_ready(const jm_session_t *s);


/* jm_session.c: the ends of a command, and what it says. */

/* Says a reply. */
jm_session_event_t jm_session_say(jm_session_t *s, jm_session_reply_t reply);

/* Likewise, `%` being `value`. */
void jm_session_tell(jm_session_t *s, jm_session_reply_t reply,
                     jm_str_t value);

/* Likewise, lines that are in no table. */
void jm_session_write(jm_session_t *s, const char *text, size_t len);

/* Waits for the caller's answer to `event`. */
jm_session_event_t jm_session_ask(jm_session_t *s, jm_session_event_t event);

/* Forgets the transaction. */
jm_session_event_t jm_session_reset(jm_session_t *s);

/* Refuses: a 5xx is counted as an error, a 421 is the last. */
jm_session_event_t jm_session_deny(jm_session_t *s, jm_session_reply_t reply);

/* Says a last reply. */
jm_session_event_t jm_session_end(jm_session_t *s, jm_session_reply_t reply);

/* What somebody is told who begins so and does not speak SMTP, or NONE. */
jm_session_reply_t jm_session_stranger(jm_str_t text);

#endif /* JM_SESSION_COMMAND_H */
