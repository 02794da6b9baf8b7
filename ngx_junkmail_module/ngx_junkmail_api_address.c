/*
 * /addresses: list, create, get, update, delete.
 *
 * Creating touches two slots of the store, so it takes three steps, each of
 * which leaves something that heals by itself if the next never comes:
 *
 *   1. jm_address_create   writes the address as pending, invisible; at the
 *                          same time the domain is looked up
 *   2. jm_route_claim      takes the route, unless it is another's; before it,
 *                          the reaper is told to look at the address soon
 *   3. jm_address_confirm  makes it visible
 *
 * A random alias that is taken is drawn again.  An alias that is reserved, or
 * that a domain sends to another account, is as good as taken.
 */

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <openssl/rand.h>

#include "jm_address.h"
#include "jm_id.h"
#include "jm_schema.h"
#include "ngx_junkmail_api.h"


#define NGX_JUNKMAIL_API_ADDRESSES 20 /* the default limit */
#define NGX_JUNKMAIL_API_DRAWS     5
#define NGX_JUNKMAIL_API_PENDING   60000 /* ms until the reaper looks */
#define NGX_JUNKMAIL_API_WORDS     64


typedef struct {
    char       id[JM_UUID_LEN + 1];
    ngx_str_t  alias;
    ngx_str_t  domain;
    ngx_str_t  address;   /* its key form */
    int64_t    expires;   /* seconds from now */
    ngx_uint_t draws;     /* random aliases still to try; 0: the user's own */
    unsigned   known : 1; /* the domain is one of this server's */
    unsigned   refused : 1; /* the alias is not for this account there */
    unsigned   guessed : 1; /* the domain came from this worker's memory */
} ngx_junkmail_new_t;


static void ngx_junkmail_address_listed(ngx_http_request_t      *r,
                                        ngx_http_junkmail_ctx_t *ctx,
                                        redisReply              *reply);

static const char *ngx_junkmail_address_read(ngx_http_request_t *r,
                                             ngx_junkmail_new_t *new);

static ngx_int_t ngx_junkmail_address_ascii(ngx_http_request_t *r,
                                            ngx_str_t          *domain);
static ngx_int_t ngx_junkmail_address_domain(ngx_http_request_t *r);

static void ngx_junkmail_address_domains(ngx_http_request_t      *r,
                                         ngx_http_junkmail_ctx_t *ctx,
                                         redisReply              *reply);

static ngx_int_t ngx_junkmail_address_draw(ngx_http_request_t *r,
                                           ngx_junkmail_new_t *new);
static ngx_int_t ngx_junkmail_address_key(ngx_http_request_t *r,
                                          ngx_junkmail_new_t *new);
static ngx_int_t ngx_junkmail_address_reserve(ngx_http_request_t      *r,
                                              ngx_http_junkmail_ctx_t *ctx);

static void ngx_junkmail_address_looked_up(ngx_http_request_t      *r,
                                           ngx_http_junkmail_ctx_t *ctx,
                                           redisReply              *reply);
static void ngx_junkmail_address_reserved(ngx_http_request_t      *r,
                                          ngx_http_junkmail_ctx_t *ctx,
                                          redisReply              *reply);

static ngx_int_t ngx_junkmail_address_claim(ngx_http_request_t      *r,
                                            ngx_http_junkmail_ctx_t *ctx);

static void ngx_junkmail_address_claimed(ngx_http_request_t      *r,
                                         ngx_http_junkmail_ctx_t *ctx,
                                         redisReply              *reply);
static void ngx_junkmail_address_drop(ngx_http_junkmail_ctx_t *ctx);
static void ngx_junkmail_address_taken(ngx_http_request_t      *r,
                                       ngx_http_junkmail_ctx_t *ctx);
static void ngx_junkmail_address_confirmed(ngx_http_request_t      *r,
                                           ngx_http_junkmail_ctx_t *ctx,
                                           redisReply              *reply);
static void ngx_junkmail_address_updated(ngx_http_request_t      *r,
                                         ngx_http_junkmail_ctx_t *ctx,
                                         redisReply              *reply);
static void ngx_junkmail_address_update_due(ngx_http_request_t      *r,
                                            ngx_http_junkmail_ctx_t *ctx,
                                            redisReply              *reply);
static void ngx_junkmail_address_deleted(ngx_http_request_t      *r,
                                         ngx_http_junkmail_ctx_t *ctx,
                                         redisReply              *reply);
static void ngx_junkmail_address_due(ngx_http_request_t      *r,
                                     ngx_http_junkmail_ctx_t *ctx,
                                     redisReply              *reply);

static ngx_str_t ngx_junkmail_address_member(ngx_http_request_t      *r,
                                             ngx_http_junkmail_ctx_t *ctx,
                                             ngx_str_t               *id);


/* Readable, easy to dictate, none to be ashamed of. */

static const char *ngx_junkmail_first[NGX_JUNKMAIL_API_WORDS] = {
    "amber", "autumn", "azure",  "bold",   "brave",  "bright", "calm",
    "cedar", "clear",  "clever", "cobalt", "copper", "coral",  "cosmic",
    "crisp", "daring", "dawn",   "eager",  "early",  "east",   "fair",
    "fast",  "fern",   "frosty", "gentle", "golden", "grand",  "green",
    "happy", "hazel",  "indigo", "ivory",  "jade",   "jolly",  "keen",
    "kind",  "late",   "lemon",  "light",  "lively", "lucky",  "lunar",
    "maple", "merry",  "misty",  "neat",   "noble",  "north",  "ochre",
    "olive", "pearl",  "plain",  "proud",  "quick",  "quiet",  "rapid",
    "rosy",  "silver", "smart",  "solar",  "sunny",  "swift",  "velvet",
    "winter"
};

static const char *ngx_junkmail_second[NGX_JUNKMAIL_API_WORDS] = {
    "anchor", "arrow",  "badger", "bay",    "beacon", "birch",   "brook",
    "canyon", "castle", "cloud",  "comet",  "creek",  "crow",    "delta",
    "dune",   "eagle",  "ember",  "falcon", "field",  "finch",   "fjord",
    "forest", "fox",    "garden", "glade",  "grove",  "harbor",  "hare",
    "hawk",   "heron",  "hill",   "island", "lake",   "lantern", "lark",
    "lynx",   "marsh",  "meadow", "moon",   "moose",  "oak",     "ocean",
    "orchid", "otter",  "owl",    "panda",  "pebble", "pine",    "planet",
    "pond",   "raven",  "reef",   "ridge",  "river",  "robin",   "sparrow",
    "spring", "star",   "stone",  "summit", "tiger",  "valley",  "willow",
    "wren"
};

/* The first of jm:domains, as this worker last saw it. */
static u_char ngx_junkmail_domain[JM_DOMAIN_MAX];
static size_t ngx_junkmail_domain_len;


/* Reading. */


ngx_int_t
ngx_junkmail_api_address_list(ngx_http_request_t      *r,
                              ngx_http_junkmail_ctx_t *ctx)
{
    ngx_int_t  *page;
    ngx_str_t   argv[3];
    ngx_str_t   status = ngx_string("");
    const char *wrong;

    page = ngx_palloc(r->pool, 2 * sizeof(ngx_int_t));
    if (page == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    page[0] = NGX_JUNKMAIL_API_ADDRESSES;
    page[1] = 0;

    wrong = ngx_junkmail_api_page(r, &page[0], &page[1]);
    if (wrong != NULL) {
        return ngx_http_junkmail_invalid(r, wrong);
    }

    if (ngx_junkmail_api_arg(r, "status", &status) == NGX_OK
        && !(status.len == 6 && ngx_memcmp(status.data, "active", 6) == 0)
        && !(status.len == 7 && ngx_memcmp(status.data, "expired", 7) == 0))
    {
        return ngx_http_junkmail_invalid(r, "status");
    }

    ctx->data = page;

    argv[0] = status;
    argv[1] = ngx_junkmail_api_printf(r, NGX_INT_T_LEN, "%i", page[0]);
    argv[2] = ngx_junkmail_api_printf(r, NGX_INT_T_LEN, "%i", page[1]);

    return ngx_junkmail_api_wait_read(
        r, ngx_junkmail_api_read(r, ngx_junkmail_address_listed,
                                 "jm_address_list", NULL, 3, argv));
}


static void
ngx_junkmail_address_listed(ngx_http_request_t      *r,
                            ngx_http_junkmail_ctx_t *ctx, redisReply *reply)
{
    u_char    *p;
    size_t     i, size;
    ngx_int_t *page;
    ngx_str_t  json, item;

    page = ctx->data;
    size = sizeof("{\"addresses\":[],\"total\":,\"limit\":,\"offset\":}")
           + 3 * NGX_INT64_LEN;

    for (i = 2; i < reply->elements; i++) {
        size += ngx_junkmail_api_string(reply, i).len + 1;
    }

    p = ngx_pnalloc(r->pool, size);
    if (p == NULL) {
        ngx_http_junkmail_fail(r, "INTERNAL");
        return;
    }

    json.data = p;
    p = ngx_cpymem(p, "{\"addresses\":[", sizeof("{\"addresses\":[") - 1);

    for (i = 2; i < reply->elements; i++) {
        item = ngx_junkmail_api_string(reply, i);
        p = ngx_sprintf(p, "%s%V", i > 2 ? "," : "", &item);
    }

    p = ngx_sprintf(p, "],\"total\":%L,\"limit\":%i,\"offset\":%i}",
                    ngx_junkmail_api_integer(reply, 1), page[0], page[1]);
    json.len = p - json.data;

    ngx_junkmail_api_data(r, NGX_HTTP_OK, &json);
}


ngx_int_t
ngx_junkmail_api_address_get(ngx_http_request_t      *r,
                             ngx_http_junkmail_ctx_t *ctx)
{
    ngx_str_t argv[1];

    argv[0] = ngx_junkmail_api_id(&ctx->arg[0]);

    return ngx_junkmail_api_wait_read(
        r, ngx_junkmail_api_read(r, ngx_junkmail_api_got, "jm_address_get",
                                 NULL, 1, argv));
}


/* Creating. */


ngx_int_t
ngx_junkmail_api_address_create(ngx_http_request_t      *r,
                                ngx_http_junkmail_ctx_t *ctx)
{
    ngx_int_t   rc;
    const char *wrong;
    ngx_junkmail_new_t *new;

    new = ngx_pcalloc(r->pool, sizeof(ngx_junkmail_new_t));
    if (new == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ctx->data = new;

    wrong = ngx_junkmail_address_read(r, new);
    if (wrong != NULL) {
        return ngx_http_junkmail_invalid(r, wrong);
    }

    if (new->domain.len == 0 && ngx_junkmail_domain_len) {
        new->domain.data = ngx_junkmail_domain;
        new->domain.len = ngx_junkmail_domain_len;
        new->domain = ngx_junkmail_api_copy(r, &new->domain);
        new->guessed = 1;
    }

    rc = new->domain.len ? ngx_junkmail_address_reserve(r, ctx)
                         : ngx_junkmail_address_domain(r);

    if (rc == NGX_DECLINED) {
        return ngx_http_junkmail_invalid(r, "alias");
    }

    return ngx_junkmail_api_wait_write(r, rc);
}


/* The request's fields.  NULL, or the one that is wrong. */

static const char *
ngx_junkmail_address_read(ngx_http_request_t *r, ngx_junkmail_new_t *new)
{
    ngx_int_t                     rc;
    ngx_http_junkmail_loc_conf_t *jlcf;

    jlcf = ngx_http_get_module_loc_conf(r, ngx_http_junkmail_module);

    rc = ngx_junkmail_api_field_string(r, "alias", &new->alias);

    if (rc == NGX_ERROR
        || (rc == NGX_OK
            && !jm_alias_valid((jm_str_t){ new->alias.data, new->alias.len })))
    {
        return "alias";
    }

    if (rc == NGX_DECLINED) {
        new->draws = NGX_JUNKMAIL_API_DRAWS;

        if (ngx_junkmail_address_draw(r, new) != NGX_OK) {
            return "alias";
        }
    }

    rc = ngx_junkmail_api_field_string(r, "domain", &new->domain);

    if (rc == NGX_ERROR
        || (rc == NGX_OK
            && ngx_junkmail_address_ascii(r, &new->domain) != NGX_OK))
    {
        return "domain";
    }

    new->expires = jlcf->default_expiry;

    if (ngx_junkmail_api_field_integer(r, "expiresIn",
                                       NGX_HTTP_JUNKMAIL_EXPIRY_MIN,
                                       jlcf->max_expiry, &new->expires)
        == NGX_ERROR)
    {
        return "expiresIn";
    }

    /* There is nobody yet to forward to; silence would lose mail. */

    if (ngx_junkmail_api_field(r, "forwardToId") != NULL) {
        return "forwardToId";
    }

    return NULL;
}


/* The domain as it is stored; a client may write U-labels. */

static ngx_int_t
ngx_junkmail_address_ascii(ngx_http_request_t *r, ngx_str_t *domain)
{
    u_char *out;
    ssize_t len;

    out = ngx_pnalloc(r->pool, JM_DOMAIN_MAX);
    if (out == NULL) {
        return NGX_ERROR;
    }

    len = jm_domain_key((jm_str_t){ domain->data, domain->len }, out);
    if (len < 0) {
        return NGX_ERROR;
    }

    domain->data = out;
    domain->len = len;

    return NGX_OK;
}


static ngx_int_t
ngx_junkmail_address_draw(ngx_http_request_t *r, ngx_junkmail_new_t *new)
{
    uint16_t random[3];

    if (RAND_bytes((u_char *) random, sizeof(random)) != 1) {
        return NGX_ERROR;
    }

    new->alias = ngx_junkmail_api_printf(
        r, JM_LOCAL_MAX, "%s-%s-%ui",
        ngx_junkmail_first[random[0] % NGX_JUNKMAIL_API_WORDS],
        ngx_junkmail_second[random[1] % NGX_JUNKMAIL_API_WORDS],
        (ngx_uint_t) (1000 + random[2] % 9000));

    return new->alias.data == NULL ? NGX_ERROR : NGX_OK;
}


/* One trip more, when this worker has not seen the list of domains. */

static ngx_int_t
ngx_junkmail_address_domain(ngx_http_request_t *r)
{
    ngx_str_t argv[] = { ngx_string("ZRANGE"), ngx_string("jm:domains"),
                         ngx_string("0"), ngx_string("0") };

    return ngx_junkmail_api_command(r, ngx_junkmail_address_domains, 4, argv);
}


static void
ngx_junkmail_address_domains(ngx_http_request_t      *r,
                             ngx_http_junkmail_ctx_t *ctx, redisReply *reply)
{
    ngx_str_t domain;
    ngx_junkmail_new_t *new;

    new = ctx->data;
    domain = ngx_junkmail_api_string(reply, 0);

    if (domain.len == 0 || domain.len > JM_DOMAIN_MAX) {
        ngx_http_junkmail_finish(r, ngx_http_junkmail_invalid(r, "domain"));
        return;
    }

    ngx_memcpy(ngx_junkmail_domain, domain.data, domain.len);
    ngx_junkmail_domain_len = domain.len;

    new->domain = ngx_junkmail_api_copy(r, &domain);
    new->guessed = 0;

    ngx_junkmail_api_again(r, ngx_junkmail_address_reserve(r, ctx));
}


static ngx_int_t
ngx_junkmail_address_key(ngx_http_request_t *r, ngx_junkmail_new_t *new)
{
    u_char      *out;
    ssize_t      len;
    ngx_str_t    text;
    jm_address_t address;

    text = ngx_junkmail_api_printf(r, JM_KEY_ADDRESS_MAX, "%V@%V", &new->alias,
                                   &new->domain);
    out = ngx_pnalloc(r->pool, JM_KEY_ADDRESS_MAX);

    if (text.data == NULL || out == NULL
        || jm_mailbox_parse((jm_str_t){ text.data, text.len }, &address) != 0)
    {
        return NGX_ERROR;
    }

    len = jm_address_key(&address, out);
    if (len < 0) {
        return NGX_ERROR;
    }

    new->address.data = out;
    new->address.len = len;

    return NGX_OK;
}


/* NGX_DECLINED: alias and domain do not make an address. */

static ngx_int_t
ngx_junkmail_address_reserve(ngx_http_request_t      *r,
                             ngx_http_junkmail_ctx_t *ctx)
{
    ngx_str_t argv[6];
    ngx_junkmail_new_t *new;

    new = ctx->data;

    if (ngx_junkmail_address_key(r, new) != NGX_OK
        || jm_uuid7(ngx_junkmail_api_now(), new->id) != 0)
    {
        return NGX_DECLINED;
    }

    ngx_str_set(&argv[0], "FCALL_RO");
    ngx_str_set(&argv[1], "jm_alias_check");
    ngx_str_set(&argv[2], "1");
    argv[3] = ngx_junkmail_api_printf(r,
                                      sizeof("jm:domain:{}") + new->domain.len,
                                      "jm:domain:{%V}", &new->domain);
    argv[4].data = new->address.data;
    argv[4].len = new->address.len - new->domain.len - 1;
    argv[5] = ctx->account;

    if (ngx_junkmail_api_command(r, ngx_junkmail_address_looked_up, 6, argv)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    argv[0].data = (u_char *) new->id;
    argv[0].len = JM_UUID_LEN;
    argv[1] = new->address;
    argv[2] = new->alias;
    argv[3] = ngx_junkmail_api_printf(r, NGX_INT64_LEN, "%L", new->expires);

    return ngx_junkmail_api_write(r, ngx_junkmail_address_reserved,
                                  "jm_address_create", "ALIAS_TAKEN", 4, argv);
}


static void
ngx_junkmail_address_looked_up(ngx_http_request_t      *r,
                               ngx_http_junkmail_ctx_t *ctx, redisReply *reply)
{
    ngx_str_t word;
    ngx_junkmail_new_t *new;

    new = ctx->data;
    word = ngx_junkmail_api_string(reply, 0);

    new->refused = word.len == 11
                   && ngx_memcmp(word.data, "ALIAS_TAKEN", 11) == 0;
    new->known = new->refused
                 || (word.len == 2 && ngx_memcmp(word.data, "OK", 2) == 0);
}


static void
ngx_junkmail_address_reserved(ngx_http_request_t      *r,
                              ngx_http_junkmail_ctx_t *ctx, redisReply *reply)
{
    ngx_junkmail_new_t *new;

    new = ctx->data;

    if (ngx_strcmp(reply->element[0]->str, "ALIAS_TAKEN") == 0) {
        ngx_junkmail_address_taken(r, ctx);
        return;
    }

    if (!new->known) {
        ngx_junkmail_address_drop(ctx);

        /* The first domain may have been removed since this worker looked. */

        if (new->guessed) {
            ngx_junkmail_domain_len = 0;
            ngx_junkmail_api_again(r, ngx_junkmail_address_domain(r));
            return;
        }

        ngx_http_junkmail_finish(r, ngx_http_junkmail_invalid(r, "domain"));
        return;
    }

    if (new->refused) {
        ngx_junkmail_address_drop(ctx);
        ngx_junkmail_address_taken(r, ctx);
        return;
    }

    ngx_junkmail_api_again(r, ngx_junkmail_address_claim(r, ctx));
}


static ngx_int_t
ngx_junkmail_address_claim(ngx_http_request_t *r, ngx_http_junkmail_ctx_t *ctx)
{
    char      owner[JM_HASH_LEN + 1];
    ngx_str_t argv[3], id, key, member;
    ngx_junkmail_new_t *new;

    new = ctx->data;
    id.data = (u_char *) new->id;
    id.len = JM_UUID_LEN;

    member = ngx_junkmail_address_member(r, ctx, &id);

    if (ngx_junkmail_api_due(r, NULL, &member,
                             ngx_junkmail_api_now() + NGX_JUNKMAIL_API_PENDING)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    jm_sha256_hex((jm_str_t){ ctx->account.data, ctx->account.len }, owner);

    key = ngx_junkmail_api_printf(r, sizeof("jm:route:{}") + new->address.len,
                                  "jm:route:{%V}", &new->address);
    argv[0] = ctx->account;
    argv[1] = id;
    argv[2].data = (u_char *) owner;
    argv[2].len = JM_HASH_LEN;

    return ngx_junkmail_api_function(r, ngx_junkmail_address_claimed,
                                     "jm_route_claim", "ALIAS_TAKEN", &key, 3,
                                     argv);
}


static void
ngx_junkmail_address_claimed(ngx_http_request_t      *r,
                             ngx_http_junkmail_ctx_t *ctx, redisReply *reply)
{
    ngx_str_t key, id;
    ngx_junkmail_new_t *new;

    new = ctx->data;

    if (ngx_strcmp(reply->element[0]->str, "ALIAS_TAKEN") == 0) {
        ngx_junkmail_address_drop(ctx);
        ngx_junkmail_address_taken(r, ctx);
        return;
    }

    key = ngx_junkmail_api_printf(r, sizeof(JM_KEY_ACCOUNT) + JM_ACCOUNT_LEN,
                                  JM_KEY_ACCOUNT, ctx->key.account);
    id.data = (u_char *) new->id;
    id.len = JM_UUID_LEN;

    ngx_junkmail_api_again(r, ngx_junkmail_api_function(
                                  r, ngx_junkmail_address_confirmed,
                                  "jm_address_confirm", NULL, &key, 1, &id));
}


static void
ngx_junkmail_address_taken(ngx_http_request_t *r, ngx_http_junkmail_ctx_t *ctx)
{
    ngx_junkmail_new_t *new;

    new = ctx->data;

    if (new->draws > 1 && ngx_junkmail_address_draw(r, new) == NGX_OK) {
        new->draws--;
        ngx_junkmail_api_again(r, ngx_junkmail_address_reserve(r, ctx));
        return;
    }

    ngx_http_junkmail_fail(r, "ALIAS_TAKEN");
}


/* Tidies at once what would go by itself; nobody waits for the answer. */

static void
ngx_junkmail_address_drop(ngx_http_junkmail_ctx_t *ctx)
{
    u_char    key[sizeof(JM_KEY_ACCOUNT) + JM_ACCOUNT_LEN];
    ngx_str_t argv[5];
    ngx_junkmail_new_t *new;

    new = ctx->data;

    ngx_str_set(&argv[0], "FCALL");
    ngx_str_set(&argv[1], "jm_address_drop");
    ngx_str_set(&argv[2], "1");
    argv[3].data = key;
    argv[3].len = ngx_sprintf(key, JM_KEY_ACCOUNT, ctx->key.account) - key;
    argv[4].data = (u_char *) new->id;
    argv[4].len = JM_UUID_LEN;

    (void) ngx_junkmail_redis_command(NULL, NULL, NULL, 5, argv);
}


static void
ngx_junkmail_address_confirmed(ngx_http_request_t      *r,
                               ngx_http_junkmail_ctx_t *ctx, redisReply *reply)
{
    ngx_str_t json, location;
    ngx_junkmail_new_t *new;

    new = ctx->data;
    json = ngx_junkmail_api_string(reply, 1);

    location = ngx_junkmail_api_printf(
        r, sizeof(NGX_HTTP_JUNKMAIL_PREFIX "addresses/") + JM_UUID_LEN,
        NGX_HTTP_JUNKMAIL_PREFIX "addresses/%s", new->id);

    if (location.data == NULL
        || ngx_http_junkmail_header(r, "Location", &location) != NGX_OK)
    {
        ngx_http_junkmail_fail(r, "INTERNAL");
        return;
    }

    ngx_junkmail_api_data(r, NGX_HTTP_CREATED, &json);
}


/* Stopping, resuming, extending, shortening. */


ngx_int_t
ngx_junkmail_api_address_update(ngx_http_request_t      *r,
                                ngx_http_junkmail_ctx_t *ctx)
{
    int64_t                       seconds;
    ngx_int_t                     rc;
    ngx_str_t                     argv[3];
    ngx_http_junkmail_loc_conf_t *jlcf;

    jlcf = ngx_http_get_module_loc_conf(r, ngx_http_junkmail_module);

    argv[0] = ngx_junkmail_api_id(&ctx->arg[0]);
    ngx_str_null(&argv[1]);
    ngx_str_null(&argv[2]);

    if (ngx_junkmail_api_field_flag(r, "isActive", &argv[1]) == NGX_ERROR) {
        return ngx_http_junkmail_invalid(r, "isActive");
    }

    rc = ngx_junkmail_api_field_integer(r, "expiresIn",
                                        NGX_HTTP_JUNKMAIL_EXPIRY_MIN,
                                        jlcf->max_expiry, &seconds);
    if (rc == NGX_ERROR) {
        return ngx_http_junkmail_invalid(r, "expiresIn");
    }

    if (rc == NGX_OK) {
        argv[2] = ngx_junkmail_api_printf(r, NGX_INT64_LEN, "%L", seconds);
    }

    return ngx_junkmail_api_wait_write(
        r, ngx_junkmail_api_write(r, ngx_junkmail_address_updated,
                                  "jm_address_update", NULL, 3, argv));
}


/* With another expiry, the reaper is to look at the address at once. */

static void
ngx_junkmail_address_updated(ngx_http_request_t      *r,
                             ngx_http_junkmail_ctx_t *ctx, redisReply *reply)
{
    ngx_str_t json, member, *kept;

    json = ngx_junkmail_api_string(reply, 1);

    if (ngx_junkmail_api_integer(reply, 2) == 0) {
        ngx_junkmail_api_data(r, NGX_HTTP_OK, &json);
        return;
    }

    kept = ngx_palloc(r->pool, sizeof(ngx_str_t));
    if (kept == NULL) {
        ngx_http_junkmail_fail(r, "INTERNAL");
        return;
    }

    *kept = ngx_junkmail_api_copy(r, &json);
    ctx->data = kept;
    member = ngx_junkmail_address_member(r, ctx, &ctx->arg[0]);

    ngx_junkmail_api_again(
        r,
        ngx_junkmail_api_due(r, ngx_junkmail_address_update_due, &member, 0));
}


static void
ngx_junkmail_address_update_due(ngx_http_request_t      *r,
                                ngx_http_junkmail_ctx_t *ctx,
                                redisReply              *reply)
{
    ngx_junkmail_api_data(r, NGX_HTTP_OK, ctx->data);
}


/* Deleting. */


ngx_int_t
ngx_junkmail_api_address_delete(ngx_http_request_t      *r,
                                ngx_http_junkmail_ctx_t *ctx)
{
    ngx_str_t argv[1];

    argv[0] = ngx_junkmail_api_id(&ctx->arg[0]);

    return ngx_junkmail_api_wait_write(
        r, ngx_junkmail_api_write(r, ngx_junkmail_address_deleted,
                                  "jm_address_delete", NULL, 1, argv));
}


static void
ngx_junkmail_address_deleted(ngx_http_request_t      *r,
                             ngx_http_junkmail_ctx_t *ctx, redisReply *reply)
{
    ngx_str_t member;

    member = ngx_junkmail_address_member(r, ctx, &ctx->arg[0]);

    ngx_junkmail_api_again(
        r, ngx_junkmail_api_due(r, ngx_junkmail_address_due, &member, 0));
}


static void
ngx_junkmail_address_due(ngx_http_request_t *r, ngx_http_junkmail_ctx_t *ctx,
                         redisReply *reply)
{
    ngx_junkmail_api_message(r, "Address deleted successfully");
}


static ngx_str_t
ngx_junkmail_address_member(ngx_http_request_t      *r,
                            ngx_http_junkmail_ctx_t *ctx, ngx_str_t *id)
{
    return ngx_junkmail_api_printf(
        r, sizeof("address::") + JM_ACCOUNT_LEN + id->len, "address:%s:%V",
        ctx->key.account, id);
}
