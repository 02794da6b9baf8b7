/*
 * The arithmetic of jm_schema.h.
 */

#include "jm_schema.h"

#include <zlib.h>


uint32_t
jm_shard(jm_str_t account)
{
    return (uint32_t) (crc32(0, account.data, (uInt) account.len) % JM_SHARDS);
}
