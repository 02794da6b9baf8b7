/*
 * Names that the store's callers share: Redis keys, limits of the data model.
 * What a key holds is told in backend/store/model.lua, the data model's home.
 */

#ifndef JM_SCHEMA_H
#define JM_SCHEMA_H

#include <stdint.h>

#include "jm_str.h"

#define JM_LIBRARY "junkmail_1" /* the function library; name = version */

#define JM_WINDOW      (256 * 1024) /* a value travels in pieces of this */
#define JM_BLOB_HEADER 12           /* crc, length, compressed length: u32le */
#define JM_SHARDS      16           /* of jm:expire:<shard> */
#define JM_LOG_PAGE    100          /* events read from the log at once */

/* printf formats; %s is the account, then the rest. */
#define JM_KEY_ACCOUNT "jm:{%s}"
#define JM_KEY_LOG     "jm:{%s}:log"
#define JM_KEY_WAKE    "jm:{%s}:wake"
#define JM_KEY_EXPIRE  "jm:expire:%u"

/* The shard of the expiry queue in which an account's due work lies. */
uint32_t jm_shard(jm_str_t account);

#endif /* JM_SCHEMA_H */
