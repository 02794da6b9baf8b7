/*
 * Feeds the message scanner, cut into pieces whose sizes the input's first
 * octet sets, beside a model that sees the whole input at once.  What must
 * hold: both give the same message and the same end; a message that is not
 * refused holds no bare CR, bare LF or NUL; stuffed again it reads the same,
 * and so it does in chunks.
 */

#include <stdint.h>
#include <stdlib.h>

#include "jm_data.h"

#define CHECK(condition)                                                      \
    if (!(condition)) {                                                       \
        abort();                                                              \
    }


static size_t
scan(jm_data_t *data, const u_char *in, size_t size, size_t step, u_char *out,
     size_t *used)
{
    size_t           at, n, len;
    jm_str_t         run;
    const u_char    *pos;
    jm_data_status_t status;

    memset(data, 0, sizeof(jm_data_t));
    *used = 0;
    len = 0;
    status = JM_DATA_AGAIN;

    for (at = 0; at < size && status != JM_DATA_END; at += n) {
        n = size - at < step ? size - at : step;
        pos = in + at;

        do {
            status = jm_data_read(data, &pos, in + at + n, &run);

            if (status == JM_DATA_RUN) {
                CHECK(run.len != 0);
                memcpy(out + len, run.data, run.len);
                len += run.len;
            }

        } while (status == JM_DATA_RUN);

        if (status == JM_DATA_END) {
            *used = (size_t) (pos - in);
        }
    }

    CHECK(data->size == len);

    return len;
}


/* The same message as chunks of BDAT, where a dot is a dot. */

static void
chunks(jm_data_t *data, u_char *in, size_t size, size_t step)
{
    size_t   at;
    jm_str_t run;

    memset(data, 0, sizeof(jm_data_t));

    for (at = 0; at < size; at += run.len) {
        run.data = in + at;
        run.len = size - at < step ? size - at : step;
        jm_data_chunk(data, run);
    }

    jm_data_last(data);
}


/* The end by the book: the first CRLF.CRLF, or .CRLF at the beginning. */

static size_t
find_end(const u_char *in, size_t size)
{
    size_t i;

    if (size >= 3 && memcmp(in, ".\r\n", 3) == 0) {
        return 3;
    }

    for (i = 0; i + 5 <= size; i++) {
        if (memcmp(in + i, "\r\n.\r\n", 5) == 0) {
            return i + 5;
        }
    }

    return 0;
}


static int
is_clean(const u_char *text, size_t len)
{
    size_t i;

    for (i = 0; i < len; i++) {
        if (text[i] == '\0'
            || (text[i] == '\n' && (i == 0 || text[i - 1] != '\r'))
            || (text[i] == '\r' && (i + 1 == len || text[i + 1] != '\n')))
        {
            return 0;
        }
    }

    return 1;
}


int LLVMFuzzerTestOneInput(const uint8_t *in, size_t size);


int
LLVMFuzzerTestOneInput(const uint8_t *in, size_t size)
{
    size_t    step, len, cut, used, used_cut, taken, stuffed;
    u_char   *whole, *pieces, *wire;
    unsigned  line;
    jm_data_t data, data_cut;

    if (size == 0) {
        return 0;
    }

    step = in[0] % 16 + 1;
    in++;
    size--;

    whole = malloc(size + 1);
    pieces = malloc(size * 2 + 4);
    wire = malloc(size * 2 + 4);
    CHECK(whole != NULL && pieces != NULL && wire != NULL);

    len = scan(&data, in, size, size + 1, whole, &used);
    cut = scan(&data_cut, in, size, step, pieces, &used_cut);

    CHECK(len == cut && used == used_cut && memcmp(whole, pieces, len) == 0);
    CHECK(data.bare_cr == data_cut.bare_cr && data.hops == data_cut.hops);
    CHECK(data.bare_lf == data_cut.bare_lf && data.nul == data_cut.nul);
    CHECK(used == find_end(in, size));

    if (used != 0 && !data.bare_cr && !data.bare_lf && !data.nul) {
        CHECK(is_clean(whole, len));

        line = 1;
        stuffed = jm_data_stuff(&line, whole, len, &taken, wire, size * 2 + 1);
        CHECK(taken == len);
        memcpy(wire + stuffed, ".\r\n", 3);

        chunks(&data, whole, len, step);
        CHECK(data.size == len);
        CHECK(!data.bare_cr && !data.bare_lf && !data.nul);

        cut = scan(&data, wire, stuffed + 3, step, pieces, &used);
        CHECK(cut == len && used == stuffed + 3);
        CHECK(memcmp(pieces, whole, len) == 0);
    }

    free(whole);
    free(pieces);
    free(wire);

    return 0;
}
