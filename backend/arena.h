/*
 * One message's memory: a bump allocator that is reset when the message has
 * been stored, with a ceiling, so that no message can take the worker down.
 * Everything that is parsed, cleaned and rendered for a message lives here;
 * nothing in it is freed singly.
 *
 * Called by every file that handles a message.  An allocation beyond the
 * ceiling, or one the system refuses, does not return: it jumps back to the
 * arena's owner (jm_arena_guard), which answers 451 for that message or stores
 * it unparsed.  Callers therefore never test for NULL.  Code between may not
 * hold anything that only it can release.
 */

#ifndef JM_ARENA_H
#define JM_ARENA_H

#include <setjmp.h>
#include <stdarg.h>

#include "jm_str.h"

typedef struct jm_arena_s jm_arena_t;

/* A buffer that grows inside an arena; `limit` bytes at the most. */
typedef struct {
    jm_arena_t *arena;
    u_char     *data;
    size_t      len;
    size_t      size;
    size_t      limit;
    unsigned    truncated : 1; /* something did not fit below the limit */
} jm_buf_t;

/* `ceiling`: bytes one message may take.  NULL when memory is short. */
jm_arena_t *jm_arena_create(size_t ceiling);
void        jm_arena_destroy(jm_arena_t *arena);

/* Forgets everything allocated; keeps the first block for the next message. */
void jm_arena_reset(jm_arena_t *arena);

/*
 * Where an allocation failure lands: if (setjmp(*jm_arena_guard(arena)) != 0)
 * the message was too much.  Without a guard, failure aborts the process.
 */
jmp_buf *jm_arena_guard(jm_arena_t *arena);

/* Zeroed, aligned to 16. */
void *jm_arena_alloc(jm_arena_t *arena, size_t size);

/* The same with what was there before: for what is written over at once. */
void *jm_arena_take(jm_arena_t *arena, size_t size);

/* A NUL-terminated copy. */
char    *jm_arena_cstr(jm_arena_t *arena, const void *data, size_t len);
jm_str_t jm_arena_str(jm_arena_t *arena, const void *data, size_t len);
jm_str_t jm_arena_printf(jm_arena_t *arena, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

void jm_buf_init(jm_buf_t *buf, jm_arena_t *arena, size_t limit);

/* Past the limit the rest is dropped and `truncated` set. */
void jm_buf_add(jm_buf_t *buf, const void *data, size_t len);
void jm_buf_adds(jm_buf_t *buf, const char *s);
void jm_buf_addc(jm_buf_t *buf, int c);
void jm_buf_number(jm_buf_t *buf, unsigned long number); /* in decimal */
void jm_buf_printf(jm_buf_t *buf, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

jm_str_t jm_buf_str(const jm_buf_t *buf);

#endif /* JM_ARENA_H */
