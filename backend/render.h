/*
 * Renders a read message into exactly the bytes the API will serve, so that a
 * read is a copy: the work is done once, in the compressed domain.  What is
 * alike for all recipients is made once (jm_render_shared), the rest for each
 * recipient's address (jm_render_for).  Called by delivery.c before the store;
 * everything lives in the message's arena.  JSON by cJSON, deflate by igzip.
 */

#ifndef JM_RENDER_H
#define JM_RENDER_H

#include "message.h"

/* Compressed bytes with what a gzip trailer needs to know of them. */
typedef struct {
    uint32_t crc;    /* CRC-32 of the uncompressed bytes */
    uint32_t length; /* uncompressed */
    jm_str_t data;   /* raw deflate ended by a sync flush, or whole gzip */
} jm_blob_t;

/* Response header values of an attachment, ready to send. */
typedef struct {
    jm_str_t content_type; /* from the safe list, or octet-stream */
    jm_str_t disposition;  /* RFC 6266 */
    jm_str_t data;
    unsigned is_inline : 1;
} jm_rendered_part_t;

typedef struct {
    jm_blob_t           bodies; /* `,"bodyText":…,"bodyHtml":…` deflate */
    jm_blob_t           html;   /* the page, whole gzip */
    jm_blob_t           raw;    /* the original, whole gzip */
    jm_rendered_part_t *parts;
    size_t              nparts;
    size_t   size; /* bytes counted against the quota: the raw message's */
    unsigned has_attachments : 1; /* one that is not inline */
} jm_rendered_t;

typedef struct {
    char      id[37];  /* email id */
    jm_str_t  summary; /* JSON members, see store.h */
    jm_str_t  search;  /* folded sender, subject, preview, address; <= 600 */
    jm_blob_t detail;  /* `,"attachments":…` deflate */
} jm_rendered_for_t;

void jm_render_shared(jm_rendered_t *out, const jm_message_t *m);

/*
 * `id` is the new email's UUIDv7, `address_id` its address's, `to` the
 * envelope recipient as the sender wrote it, `received_ms` Unix time.
 */
void jm_render_for(jm_rendered_for_t *out, const jm_message_t *m,
                   const char *id, const char *address_id, jm_str_t to,
                   int64_t received_ms);

/* The whole Email object as the API answers it, and the page, uncompressed. */
jm_str_t jm_render_email(const jm_message_t *m, const char *id,
                         const char *address_id, jm_str_t to,
                         int64_t received_ms);
jm_str_t jm_render_page(const jm_message_t *m);

#endif /* JM_RENDER_H */
