/*
 * What may be told to a browser about a file: media types by their magic
 * bytes, the few types that are safe to name, endings for nameless parts.
 * Called by mime.c, message.c and render.c.  Pure tables.
 */

#ifndef JM_MEDIA_H
#define JM_MEDIA_H

#include "jm_str.h"

/* image/png, image/jpeg, image/gif or image/webp by the bytes; else NULL. */
const char *jm_media_raster(jm_str_t data);

/*
 * May the part be shown inside the mail?  Its declared `type` claims an image
 * (or nothing, application/octet-stream) and its bytes are a raster image.
 * Returns the type to send, NULL when it may not.
 */
const char *jm_media_inline(jm_str_t type, jm_str_t data);

/*
 * The Content-Type to send for a download: never one that a browser would
 * run or sniff.
 */
const char *jm_media_safe(jm_str_t type, jm_str_t data);

/* "png" for image/png and so on; "bin" when unknown. */
const char *jm_media_extension(jm_str_t type);

#endif /* JM_MEDIA_H */
