/*
 * The bump allocator behind arena.h.
 */

#include "arena.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define JM_ARENA_BLOCK (64 * 1024)
#define JM_ARENA_ALIGN 16

typedef struct jm_arena_block_s jm_arena_block_t;

struct jm_arena_block_s {
    jm_arena_block_t *next;
    size_t            size; /* usable bytes */
    size_t            used;
    u_char            data[] __attribute__((aligned(JM_ARENA_ALIGN)));
};

struct jm_arena_s {
    jm_arena_block_t *blocks; /* newest first; the last one is kept */
    size_t            total;
    size_t            ceiling;
    unsigned          guarded : 1;
    jmp_buf           guard;
};


static jm_str_t jm_arena_vprintf(jm_arena_t *arena, const char *format,
                                 va_list args)
    __attribute__((format(printf, 2, 0), nonnull(2)));


static _Noreturn void
jm_arena_fail(jm_arena_t *arena)
{
    if (!arena->guarded) {
        fputs("junkmaild: message memory exhausted outside a guard\n", stderr);
        abort();
    }

    arena->guarded = 0;
    longjmp(arena->guard, 1);
}


static jm_arena_block_t *
jm_arena_block(size_t size)
{
    jm_arena_block_t *block;

    block = malloc(sizeof(jm_arena_block_t) + size);
    if (block != NULL) {
        block->next = NULL;
        block->size = size;
        block->used = 0;
    }

    return block;
}


jm_arena_t *
jm_arena_create(size_t ceiling)
{
    jm_arena_t *arena;

    arena = calloc(1, sizeof(jm_arena_t));
    if (arena == NULL) {
        return NULL;
    }

    arena->ceiling = ceiling;
    arena->blocks = jm_arena_block(JM_ARENA_BLOCK);

    if (arena->blocks == NULL) {
        free(arena);
        return NULL;
    }

    return arena;
}


void
jm_arena_reset(jm_arena_t *arena)
{
    jm_arena_block_t *block;

    while (arena->blocks->next != NULL) {
        block = arena->blocks;
        arena->blocks = block->next;
        free(block);
    }

    arena->blocks->used = 0;
    arena->total = 0;
    arena->guarded = 0;
}


void
jm_arena_destroy(jm_arena_t *arena)
{
    jm_arena_reset(arena);
    free(arena->blocks);
    free(arena);
}


jmp_buf *
jm_arena_guard(jm_arena_t *arena)
{
    arena->guarded = 1;
    return &arena->guard;
}


void *
jm_arena_take(jm_arena_t *arena, size_t size)
{
    void             *p;
    size_t            need;
    jm_arena_block_t *block;

    /* Rounded up before it is compared: what is counted is what is taken. */
    need = (size + JM_ARENA_ALIGN - 1) & ~(size_t) (JM_ARENA_ALIGN - 1);

    if (need < size || need > arena->ceiling - arena->total) {
        jm_arena_fail(arena);
    }

    block = arena->blocks;

    if (need > block->size - block->used) {
        block = jm_arena_block(need > JM_ARENA_BLOCK ? need : JM_ARENA_BLOCK);
        if (block == NULL) {
            jm_arena_fail(arena);
        }

        block->next = arena->blocks;
        arena->blocks = block;
    }

    p = block->data + block->used;
    block->used += need;
    arena->total += need;

    return p;
}


void *
jm_arena_alloc(jm_arena_t *arena, size_t size)
{
    return memset(jm_arena_take(arena, size), 0, size);
}


char *
jm_arena_cstr(jm_arena_t *arena, const void *data, size_t len)
{
    char *s;

    s = jm_arena_take(arena, len + 1);

    if (len != 0) {
        memcpy(s, data, len);
    }

    s[len] = '\0';

    return s;
}


jm_str_t
jm_arena_str(jm_arena_t *arena, const void *data, size_t len)
{
    jm_str_t str;

    str.data = (u_char *) jm_arena_cstr(arena, data, len);
    str.len = len;

    return str;
}


/* What is short is written once; the arena takes nothing back. */
static jm_str_t
jm_arena_vprintf(jm_arena_t *arena, const char *format, va_list args)
{
    int      len;
    char     text[256];
    va_list  again;
    jm_str_t str;

    va_copy(again, args);
    len = vsnprintf(text, sizeof(text), format, again);
    va_end(again);

    if (len >= 0 && (size_t) len < sizeof(text)) {
        return jm_arena_str(arena, text, (size_t) len);
    }

    str.len = len < 0 ? 0 : (size_t) len;
    str.data = jm_arena_take(arena, str.len + 1);

    vsnprintf((char *) str.data, str.len + 1, format, args);

    return str;
}


jm_str_t
jm_arena_printf(jm_arena_t *arena, const char *format, ...)
{
    va_list  args;
    jm_str_t str;

    va_start(args, format);
    str = jm_arena_vprintf(arena, format, args);
    va_end(args);

    return str;
}


void
jm_buf_init(jm_buf_t *buf, jm_arena_t *arena, size_t limit)
{
    memset(buf, 0, sizeof(jm_buf_t));
    buf->arena = arena;
    buf->limit = limit;
}


void
jm_buf_add(jm_buf_t *buf, const void *data, size_t len)
{
    size_t  size;
    u_char *grown;

    if (len > buf->limit - buf->len) {
        len = buf->limit - buf->len;
        buf->truncated = 1;
    }

    if (len == 0) {
        return;
    }

    if (len > buf->size - buf->len) {
        size = buf->size < 256 ? 256 : buf->size * 2;

        if (size < buf->len + len) {
            size = buf->len + len;
        }

        grown = jm_arena_take(buf->arena, size);

        if (buf->len != 0) {
            memcpy(grown, buf->data, buf->len);
        }

        buf->data = grown;
        buf->size = size;
    }

    memcpy(buf->data + buf->len, data, len);
    buf->len += len;
}


void
jm_buf_adds(jm_buf_t *buf, const char *s)
{
    jm_buf_add(buf, s, strlen(s));
}


void
jm_buf_addc(jm_buf_t *buf, int c)
{
    u_char ch;

    ch = (u_char) c;

    if (buf->len < buf->size && buf->len < buf->limit) {
        buf->data[buf->len++] = ch;
        return;
    }

    jm_buf_add(buf, &ch, 1);
}


void
jm_buf_number(jm_buf_t *buf, unsigned long number)
{
    size_t n;
    u_char digits[24];

    n = sizeof(digits);

    do {
        digits[--n] = (u_char) ('0' + number % 10);
        number /= 10;
    } while (number != 0);

    jm_buf_add(buf, digits + n, sizeof(digits) - n);
}


void
jm_buf_printf(jm_buf_t *buf, const char *format, ...)
{
    va_list  args;
    jm_str_t str;

    va_start(args, format);
    str = jm_arena_vprintf(buf->arena, format, args);
    va_end(args);

    jm_buf_add(buf, str.data, str.len);
}


jm_str_t
jm_buf_str(const jm_buf_t *buf)
{
    jm_str_t str;

    str.data = buf->data;
    str.len = buf->len;

    return str;
}
