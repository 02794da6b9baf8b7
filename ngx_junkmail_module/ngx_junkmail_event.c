/*
 * Cursors and events: positions in an account's log, and what is sent about
 * it.  An event is one block of memory with a count of its holders; within a
 * worker nothing runs in parallel, so the count needs no lock.
 */

#include <ngx_config.h>
#include <ngx_core.h>

#include "jm_ws.h"

#include "ngx_junkmail_event.h"


#define NGX_JUNKMAIL_EVENT_ID     "{\"id\":\""
#define NGX_JUNKMAIL_EVENT_ID_END "\","

/* WHATWG HTML, "Server-sent events". */
#define NGX_JUNKMAIL_EVENT_SSE_ID   "id: "
#define NGX_JUNKMAIL_EVENT_SSE_DATA "data: "
#define NGX_JUNKMAIL_EVENT_SSE_END  "\n\n"


static ngx_junkmail_event_t *
ngx_junkmail_event_build(ngx_uint_t opcode, ngx_str_t *place, ngx_str_t *id,
                         ngx_str_t *address, ngx_str_t *json);

static ngx_str_t ngx_junkmail_event_text(redisReply *reply);


ngx_int_t
ngx_junkmail_cursor_parse(ngx_str_t *text, ngx_junkmail_cursor_t *c)
{
    u_char    *p, *last;
    uint64_t   n[2];
    ngx_uint_t i, digits;

    if (text->len == 1 && text->data[0] == '0') {
        c->ms = 0;
        c->seq = 0;
        return NGX_OK;
    }

    p = text->data;
    last = p + text->len;

    for (i = 0; i < 2; i++) {
        n[i] = 0;

        for (digits = 0; p < last && *p >= '0' && *p <= '9'; p++, digits++) {

            if (n[i] > (UINT64_MAX - (*p - '0')) / 10) {
                return NGX_ERROR;
            }

            n[i] = n[i] * 10 + (*p - '0');
        }

        if (digits == 0 || digits > 20) {
            return NGX_ERROR;
        }

        if (i == 0 && (p == last || *p++ != '-')) {
            return NGX_ERROR;
        }
    }

    if (p != last) {
        return NGX_ERROR;
    }

    c->ms = n[0];
    c->seq = n[1];

    return NGX_OK;
}


u_char *
ngx_junkmail_cursor_print(ngx_junkmail_cursor_t *c, u_char *out)
{
    if (c->ms == 0 && c->seq == 0) {
        *out++ = '0';
        return out;
    }

    return ngx_sprintf(out, "%uL-%uL", c->ms, c->seq);
}


ngx_int_t
ngx_junkmail_cursor_cmp(ngx_junkmail_cursor_t *a, ngx_junkmail_cursor_t *b)
{
    if (a->ms != b->ms) {
        return a->ms < b->ms ? -1 : 1;
    }

    return a->seq == b->seq ? 0 : a->seq < b->seq ? -1 : 1;
}


ngx_junkmail_event_t *
ngx_junkmail_event_make(ngx_uint_t opcode, ngx_str_t *id, ngx_str_t *address,
                        ngx_str_t *json)
{
    return ngx_junkmail_event_build(opcode, id, id, address, json);
}


ngx_junkmail_event_t *
ngx_junkmail_event_hello(ngx_str_t *start, ngx_msec_t heartbeat)
{
    u_char    hello[sizeof("{\"type\":\"hello\",\"id\":\"\",\"heartbeat\":}")
                 + NGX_JUNKMAIL_CURSOR_LEN + NGX_INT_T_LEN];
    ngx_str_t text, none = ngx_null_string;

    if (start->len > NGX_JUNKMAIL_CURSOR_LEN) {
        return NULL;
    }

    text.data = hello;
    text.len = ngx_sprintf(hello,
                           "{\"type\":\"hello\",\"id\":\"%V\","
                           "\"heartbeat\":%M}",
                           start, (heartbeat + 999) / 1000)
               - hello;

    return ngx_junkmail_event_build(JM_WS_TEXT, start, &none, &none, &text);
}


ngx_junkmail_event_t *
ngx_junkmail_event_reset(ngx_str_t *newest)
{
    u_char    reset[sizeof("{\"type\":\"reset\",\"id\":\"\"}")
                 + NGX_JUNKMAIL_CURSOR_LEN];
    ngx_str_t text, none = ngx_null_string;

    if (newest->len > NGX_JUNKMAIL_CURSOR_LEN) {
        return NULL;
    }

    text.data = reset;
    text.len = ngx_sprintf(reset, "{\"type\":\"reset\",\"id\":\"%V\"}", newest)
               - reset;

    return ngx_junkmail_event_build(JM_WS_TEXT, newest, &none, &none, &text);
}


/*
 * One block: the server-sent event's first lines, the WebSocket frame's
 * header, and the text that both share; behind it the event's empty line.
 * `place` is the id that SSE tells, `id` the log's, with which the text
 * begins.
 */

static ngx_junkmail_event_t *
ngx_junkmail_event_build(ngx_uint_t opcode, ngx_str_t *place, ngx_str_t *id,
                         ngx_str_t *address, ngx_str_t *json)
{
    size_t                len, header, lead;
    u_char               *p, bytes[JM_WS_HEADER_MAX];
    ngx_junkmail_event_t *e;

    len = json->len;

    if (id->len) {
        len += sizeof(NGX_JUNKMAIL_EVENT_ID NGX_JUNKMAIL_EVENT_ID_END) - 1
               + id->len;
    }

    header = jm_ws_header(bytes, opcode, len);

    lead = sizeof(NGX_JUNKMAIL_EVENT_SSE_DATA) - 1;

    if (place->len) {
        lead += sizeof(NGX_JUNKMAIL_EVENT_SSE_ID "\n") - 1 + place->len;
    }

    e = ngx_junkmail_event_alloc(lead + header + len,
                                 sizeof(NGX_JUNKMAIL_EVENT_SSE_END) - 1
                                     + address->len);
    if (e == NULL) {
        return NULL;
    }

    p = e->frame.data;

    e->sse[0].data = p;
    e->sse[0].len = lead;

    if (place->len) {
        p = ngx_sprintf(p, NGX_JUNKMAIL_EVENT_SSE_ID "%V\n", place);
    }

    p = ngx_cpymem(p, NGX_JUNKMAIL_EVENT_SSE_DATA,
                   sizeof(NGX_JUNKMAIL_EVENT_SSE_DATA) - 1);

    e->frame.data = p;
    e->frame.len = header + len;

    p = ngx_cpymem(p, bytes, header);

    e->json.data = p;
    e->json.len = len;
    e->sse[1].data = p;
    e->sse[1].len = len + sizeof(NGX_JUNKMAIL_EVENT_SSE_END) - 1;

    if (id->len) {
        p = ngx_cpymem(p, NGX_JUNKMAIL_EVENT_ID,
                       sizeof(NGX_JUNKMAIL_EVENT_ID) - 1);
        e->id.data = p;
        e->id.len = id->len;
        p = ngx_cpymem(p, id->data, id->len);
        p = ngx_cpymem(p, NGX_JUNKMAIL_EVENT_ID_END,
                       sizeof(NGX_JUNKMAIL_EVENT_ID_END) - 1);
    }

    if (json->len) {
        p = ngx_cpymem(p, json->data, json->len);
    }

    p = ngx_cpymem(p, NGX_JUNKMAIL_EVENT_SSE_END,
                   sizeof(NGX_JUNKMAIL_EVENT_SSE_END) - 1);

    if (address->len) {
        ngx_memcpy(p, address->data, address->len);
        e->address.data = p;
        e->address.len = address->len;
    }

    return e;
}


ngx_junkmail_event_t *
ngx_junkmail_event_alloc(size_t frame, size_t more)
{
    ngx_junkmail_event_t *e;

    e = ngx_alloc(sizeof(ngx_junkmail_event_t) + frame + more, ngx_cycle->log);
    if (e == NULL) {
        return NULL;
    }

    ngx_memzero(e, sizeof(ngx_junkmail_event_t));

    e->refs = 1;
    e->frame.data = (u_char *) (e + 1);
    e->frame.len = frame;
    e->sse[1] = e->frame;

    return e;
}


cJSON *
ngx_junkmail_event_parsed(ngx_junkmail_event_t *e)
{
    if (e->parsed == NULL) {
        e->parsed = cJSON_ParseWithLength((char *) e->json.data, e->json.len);
    }

    return e->parsed;
}


void
ngx_junkmail_event_free(ngx_junkmail_event_t *e)
{
    if (--e->refs == 0) {
        cJSON_Delete(e->parsed);
        ngx_free(e);
    }
}


/* Entries of the log. */


ngx_junkmail_event_t *
ngx_junkmail_event_read(redisReply *entry)
{
    size_t                i;
    ngx_str_t             id, address, json;
    redisReply           *fields, **f;
    ngx_junkmail_event_t *e;
    ngx_junkmail_cursor_t place;

    if (ngx_junkmail_event_place(entry, &place) != NGX_OK
        || entry->elements != 2
        || entry->element[1]->type != REDIS_REPLY_ARRAY)
    {
        return NULL;
    }

    id = ngx_junkmail_event_text(entry->element[0]);
    ngx_str_null(&address);
    ngx_str_set(&json, "\"type\":\"unknown\"}");

    fields = entry->element[1];

    for (i = 0; i + 1 < fields->elements; i += 2) {
        f = &fields->element[i];

        if (f[0]->str == NULL || f[0]->len != 1 || f[1]->str == NULL) {
            continue;
        }

        if (f[0]->str[0] == 'a') {
            address = ngx_junkmail_event_text(f[1]);

        } else if (f[0]->str[0] == 'j') {
            json = ngx_junkmail_event_text(f[1]);
        }
    }

    e = ngx_junkmail_event_make(JM_WS_TEXT, &id, &address, &json);

    if (e != NULL) {
        e->place = place;
    }

    return e;
}


ngx_int_t
ngx_junkmail_event_place(redisReply *entry, ngx_junkmail_cursor_t *c)
{
    ngx_str_t id;

    if (entry->type != REDIS_REPLY_ARRAY || entry->elements == 0
        || entry->element[0]->str == NULL)
    {
        return NGX_ERROR;
    }

    id = ngx_junkmail_event_text(entry->element[0]);

    return ngx_junkmail_cursor_parse(&id, c);
}


static ngx_str_t
ngx_junkmail_event_text(redisReply *reply)
{
    return (ngx_str_t){ reply->len, (u_char *) reply->str };
}
