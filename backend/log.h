/*
 * The daemon's log: stderr, one line a fact, "junkmaild[pid]: …".  Whoever
 * started us (the launcher, systemd) adds time and keeps it.
 *
 * Never the content of a message and never an address: a throw-away mailbox
 * that is written into a log is not thrown away.
 */

#ifndef JM_LOG_H
#define JM_LOG_H

/*
 * Writes one line in one write(2).  Control and non-ASCII octets are escaped
 * as \xHH, and a line is cut at 1 KiB.  Keeps errno.
 */
void jm_log(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif /* JM_LOG_H */
