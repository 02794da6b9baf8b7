/*
 * Ids that sort by time: UUID version 7 (RFC 9562, 5.7).  Used for emails,
 * addresses and keys.
 */

#ifndef JM_ID_H
#define JM_ID_H

#include <stdint.h>

#include "jm_str.h"

#define JM_UUID_LEN 36

/* `ms`: Unix time.  0, or -1 without randomness. */
int jm_uuid7(int64_t ms, char out[JM_UUID_LEN + 1]);

/* 1 when `text` is a lower-case UUID in canonical form. */
int jm_uuid_valid(jm_str_t text);

/* ISO 8601 UTC with milliseconds and Z: 24 characters. */
void jm_iso_time(int64_t ms, char out[25]);

/* 32 lower-case hex digits of 128 random bits: a delivery id. */
int jm_delivery_id(char out[33]);

#endif /* JM_ID_H */
