/*
 * The media tables behind media.h.
 */

#include "media.h"

#include <strings.h>

#define JM_OCTET_STREAM "application/octet-stream"


static const struct {
    const char *type;
    const char *extension;
} jm_media_types[] = {
    { "image/png", "png" },
    { "image/jpeg", "jpg" },
    { "image/jpg", "jpg" },
    { "image/gif", "gif" },
    { "image/webp", "webp" },
    { "image/svg+xml", "svg" },
    { "image/tiff", "tif" },
    { "image/bmp", "bmp" },
    { "text/html", "html" },
    { "text/calendar", "ics" },
    { "text/vcard", "vcf" },
    { "text/x-vcard", "vcf" },
    { "text/csv", "csv" },
    { "text/xml", "xml" },
    { "application/xml", "xml" },
    { "application/json", "json" },
    { "application/pdf", "pdf" },
    { "application/zip", "zip" },
    { "application/gzip", "gz" },
    { "application/rtf", "rtf" },
    { "application/msword", "doc" },
    { "application/pgp-signature", "asc" },
    { "application/pgp-keys", "asc" },
    { "application/pkcs7-signature", "p7s" },
    { "application/x-pkcs7-signature", "p7s" },
    { "application/pkcs7-mime", "p7m" },
    { "application/x-pkcs7-mime", "p7m" },
    { "application/ms-tnef", "dat" },
    { "audio/mpeg", "mp3" },
    { "audio/wav", "wav" },
    { "video/mp4", "mp4" },
    { "message/rfc822", "eml" },
    { "message/rfc2822", "eml" },
    { "message/global", "eml" },
    { "message/news", "eml" },
};


static int
jm_media_is(jm_str_t type, const char *name)
{
    return type.len == strlen(name)
           && strncasecmp((char *) type.data, name, type.len) == 0;
}


static int
jm_media_starts(jm_str_t data, const char *magic, size_t len)
{
    return data.len >= len && memcmp(data.data, magic, len) == 0;
}


const char *
jm_media_raster(jm_str_t data)
{
    if (jm_media_starts(data, "\x89PNG\r\n\x1a\n", 8)) {
        return "image/png";
    }

    if (jm_media_starts(data, "\xff\xd8\xff", 3)) {
        return "image/jpeg";
    }

    if (jm_media_starts(data, "GIF87a", 6)
        || jm_media_starts(data, "GIF89a", 6)) {
        return "image/gif";
    }

    if (data.len >= 12 && jm_media_starts(data, "RIFF", 4)
        && memcmp(data.data + 8, "WEBP", 4) == 0)
    {
        return "image/webp";
    }

    return NULL;
}


const char *
jm_media_inline(jm_str_t type, jm_str_t data)
{
    if (jm_media_starts(type, "image/", 6)
        || jm_media_is(type, JM_OCTET_STREAM)) {
        return jm_media_raster(data);
    }

    return NULL;
}


const char *
jm_media_safe(jm_str_t type, jm_str_t data)
{
    const char *raster;

    raster = jm_media_inline(type, data);

    if (raster != NULL) {
        return raster;
    }

    if (jm_media_is(type, "application/pdf")
        && jm_media_starts(data, "%PDF-", 5)) {
        return "application/pdf";
    }

    if (jm_media_is(type, "text/plain")) {
        return "text/plain";
    }

    return JM_OCTET_STREAM;
}


const char *
jm_media_extension(jm_str_t type)
{
    size_t i;

    for (i = 0; i < sizeof(jm_media_types) / sizeof(jm_media_types[0]); i++) {
        if (jm_media_is(type, jm_media_types[i].type)) {
            return jm_media_types[i].extension;
        }
    }

    return jm_media_starts(type, "text/", 5)
                   || jm_media_starts(type, "message/", 8)
               ? "txt"
               : "bin";
}
