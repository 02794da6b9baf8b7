/*
 * Every reply of the SMTP session, with its enhanced status code (RFC 3463):
 * product text, in the order in which a session meets them.  `%` stands for a
 * value.  The greeting, EHLO and 354 have no enhanced code (RFC 2034, 4).
 */

#ifndef JM_SESSION_REPLY_H
#define JM_SESSION_REPLY_H

/* clang-format off */

#define JM_SESSION_REPLIES(REPLY)                                             \
                                                                              \
    /* The connection. */                                                     \
    REPLY(GREETING,         "220 % ESMTP JunkMail")                           \
    REPLY(MANY_CONNECTIONS, "421 4.7.0 Too many connections from your address")\
    REPLY(RAPID_CONNECTIONS, "421 4.7.0 Too many new connections, slow down") \
    REPLY(FULL, "421 4.3.2 Too many connections here, try later")             \
    REPLY(MANY_ERRORS,  "421 4.7.0 Too many errors, closing the connection")  \
    REPLY(MANY_UNKNOWN, "421 4.7.0 Too many unknown recipients")              \
    REPLY(MUCH_JUNK,    "421 4.7.0 Too many commands without a message")      \
    REPLY(STOPPING,     "421 4.3.2 Server shutting down, try again")          \
    REPLY(TIMED_OUT,    "421 4.4.2 Timed out, closing the connection")        \
    REPLY(TOO_SLOW, "421 4.4.2 Too slow, closing the connection")             \
    REPLY(SESSION_OVER, "421 4.4.2 Session has lasted too long, connect again")\
    REPLY(EARLY, "554 5.5.1 Wait for the greeting before you speak")          \
    REPLY(NOT_TLS,      "554 5.5.1 This port speaks SMTP; use STARTTLS")      \
    REPLY(NOT_HTTP,     "554 5.5.1 This is an SMTP server")                   \
    REPLY(NOT_PROXY, "554 5.5.1 No PROXY header is expected here")            \
                                                                              \
    /* Lines that are no commands. */                                         \
    REPLY(LINE_LONG,    "500 5.5.2 Line too long")                            \
    REPLY(LINE_CONTROL, "500 5.5.2 Control character in the line")            \
    REPLY(LINE_BARE_LF, "500 5.5.2 Bare LF; lines end in CRLF")               \
    REPLY(LINE_FLOOD,   "500 5.5.2 Line far too long")                        \
                                                                              \
    /* Any command. */                                                        \
    REPLY(UNKNOWN_VERB, "500 5.5.1 Command unrecognized")                     \
    REPLY(NEVER,        "502 5.5.1 Command not implemented")                  \
    REPLY(NO_ARGUMENT,  "501 5.5.4 No argument allowed")                      \
    REPLY(TLS_FIRST,    "530 5.7.0 Must issue a STARTTLS command first")      \
    REPLY(INTERNAL,     "451 4.3.0 Internal error, try later")                \
    REPLY(NO_SPACE, "452 4.3.1 Insufficient system storage, try later")       \
                                                                              \
    /* HELO, STARTTLS. */                                                     \
    REPLY(HELO,          "250 %")                                             \
    REPLY(HELO_SYNTAX,   "501 5.5.4 Name yourself: EHLO host.example")        \
    REPLY(TLS_READY,     "220 2.0.0 Ready to start TLS")                      \
    REPLY(TLS_OFF,       "502 5.5.1 STARTTLS not offered")                    \
    REPLY(TLS_ACTIVE,    "503 5.5.1 TLS already active")                      \
    REPLY(TLS_PIPELINED, "554 5.5.1 Nothing may follow STARTTLS")             \
                                                                              \
    /* XCLIENT. */                                                            \
    REPLY(XCLIENT_DENIED, "550 5.7.0 XCLIENT is not for you")                 \
    REPLY(XCLIENT_SYNTAX, "501 5.5.4 Bad XCLIENT attributes")                 \
                                                                              \
    /* MAIL. */                                                               \
    REPLY(MAIL_OK,       "250 2.1.0 Sender OK")                               \
    REPLY(HELO_FIRST,    "503 5.5.1 Send EHLO first")                         \
    REPLY(MAIL_NESTED,   "503 5.5.1 Sender already given")                    \
    REPLY(MAIL_ENOUGH,   "421 4.7.0 Too many transactions, connect again")    \
    REPLY(MAIL_SYNTAX,                                                        \
          "501 5.5.4 Syntax: MAIL FROM:<address> [parameters]")               \
    REPLY(MAIL_ADDRESS,  "501 5.1.7 Bad sender address syntax")               \
    REPLY(PARAM_SYNTAX,  "501 5.5.4 Bad parameter syntax")                    \
    REPLY(PARAM_UNKNOWN, "555 5.5.4 Parameter not recognized")                \
    REPLY(NEEDS_UTF8,    "553 5.6.7 Non-ASCII address without SMTPUTF8")      \
    REPLY(BAD_BODY,      "501 5.5.4 BODY is 7BIT or 8BITMIME")                \
    REPLY(NO_BINARY,     "504 5.5.4 BODY=BINARYMIME not supported")           \
                                                                              \
    /* RCPT. */                                                               \
    REPLY(RCPT_OK,      "250 2.1.5 Recipient OK")                             \
    REPLY(MAIL_FIRST,   "503 5.5.1 Send MAIL first")                          \
    REPLY(RCPT_SYNTAX,  "501 5.5.4 Syntax: RCPT TO:<address>")                \
    REPLY(RCPT_ADDRESS, "501 5.1.3 Bad recipient address syntax")             \
    REPLY(RCPT_MANY, "452 4.5.3 Too many recipients, send the rest later")    \
    REPLY(RCPT_UNKNOWN, "550 5.1.1 No such address here")                     \
    REPLY(RCPT_CLOSED,  "550 5.2.1 Address no longer accepts mail")           \
    REPLY(RCPT_FULL,    "452 4.2.2 Mailbox full")                             \
    REPLY(RCPT_FOREIGN, "550 5.7.1 Relaying denied")                          \
    REPLY(RCPT_AWAY, "451 4.3.0 Cannot look up the recipient, try later")     \
                                                                              \
    /* DATA, BDAT, the message. */                                            \
    REPLY(DATA_GO,    "354 End data with <CR><LF>.<CR><LF>")                  \
    REPLY(RCPT_FIRST, "503 5.5.1 Send RCPT first")                            \
    REPLY(NO_RCPT,    "554 5.5.1 No valid recipients")                        \
    REPLY(CHUNK_OK,   "250 2.0.0 Chunk OK")                                   \
    REPLY(BDAT_SYNTAX, "501 5.5.4 Syntax: BDAT size [LAST]")                  \
    REPLY(BDAT_BEGUN,  "503 5.5.1 The message has begun with BDAT")           \
    REPLY(LINE_ENDS, "550 5.6.11 Bare CR, bare LF or NUL in the message")     \
    REPLY(TOO_BIG,   "552 5.3.4 Message size exceeds the limit")              \
    REPLY(LOOP,      "554 5.4.6 Too many hops, mail loop")                    \
    REPLY(STORED,    "250 2.0.0 Stored as %")                                 \
    REPLY(BACKEND,   "%") /* as the backend said it */                        \
                                                                              \
    /* The others. */                                                         \
    REPLY(RSET,        "250 2.0.0 Reset OK")                                  \
    REPLY(NOOP,        "250 2.0.0 OK")                                        \
    REPLY(VRFY,        "252 2.5.0 Cannot verify, send some mail and see")     \
    REPLY(VRFY_SYNTAX, "501 5.5.4 Syntax: VRFY address")                      \
    REPLY(VRFY_ADDRESS, "501 5.1.3 Malformed UTF-8")                          \
    REPLY(HELP, "214 2.0.0 RFC 5321; commands: EHLO HELO STARTTLS MAIL RCPT " \
                "DATA BDAT RSET NOOP VRFY HELP QUIT")                         \
    REPLY(BYE,  "221 2.0.0 Bye")

/* clang-format on */

#define JM_SESSION_NAME(name, text) JM_SAY_##name,

typedef enum {
    JM_SAY_NONE = 0,
    JM_SESSION_REPLIES(JM_SESSION_NAME)
} jm_session_reply_t;

#undef JM_SESSION_NAME

#endif /* JM_SESSION_REPLY_H */
