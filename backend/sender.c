/*
 * The reading of sender.h: header lines one by one, against a table of names.
 */

#define _GNU_SOURCE /* memmem */

#include "sender.h"

#include <openssl/evp.h>
#include <strings.h>

#define JM_SENDER_HEADER (256 * 1024) /* of a header is looked at */
#define JM_SENDER_LINE   (16 * 1024)  /* of a field, unfolded */

/* What a header field does. */
typedef enum {
    TO,          /* has addresses of recipients */
    UNSUBSCRIBE, /* links that must stay as they are; its hosts may tell */
    MARK,        /* a vendor's own field */
    VALUE        /* tells by what it holds */
} jm_sender_use_t;

/* A name that ends in "-" stands for all that begin so. */
typedef struct {
    const char     *name;
    jm_sender_use_t use;
    const char     *vendor;
} jm_sender_field_t;

/* A word in such a field, and whose it is. */
typedef struct {
    const char *word;
    const char *vendor;
} jm_sender_word_t;

static const jm_sender_field_t jm_sender_fields[] = {
    { "To", TO, NULL },
    { "Cc", TO, NULL },
    { "Delivered-To", TO, NULL },
    { "X-Original-To", TO, NULL },
    { "List-Unsubscribe", UNSUBSCRIBE, NULL },
    { "X-Mailer", VALUE, NULL },
    { "X-CampaignID", VALUE, NULL },
    { "Feedback-ID", VALUE, NULL },
    { "X-SG-EID", MARK, "SendGrid" },
    { "X-SG-ID", MARK, "SendGrid" },
    { "X-Mailgun-", MARK, "Mailgun" },
    { "X-MC-User", MARK, "Mailchimp" },
    { "X-Mandrill-User", MARK, "Mandrill (Mailchimp)" },
    { "X-SES-Outgoing", MARK, "Amazon SES" },
    { "X-PM-Message-Id", MARK, "Postmark" },
    { "X-HubSpot-", MARK, "HubSpot" },
    { "X-SFMC-", MARK, "Salesforce Marketing Cloud" },
    { "X-Mailjet-", MARK, "Mailjet" },
    { "X-MJ-", MARK, "Mailjet" },
    { "X-Mailin-", MARK, "Brevo (Sendinblue)" },
    { "X-Kmail-", MARK, "Klaviyo" },
    { "X-Mktzngmail-", MARK, "Marketo" },
    { "X-Marketo", MARK, "Marketo" },
    { "X-Elqpod", MARK, "Oracle Eloqua" },
};

/* In X-Mailer, X-CampaignID, Feedback-ID and the hosts of List-Unsubscribe. */
static const jm_sender_word_t jm_sender_words[] = {
    { "mailchimp", "Mailchimp" },
    { "list-manage.com", "Mailchimp" },
    { "mandrill", "Mandrill (Mailchimp)" },
    { "sendgrid", "SendGrid" },
    { "amazonses", "Amazon SES" },
    { "awstrack.me", "Amazon SES" },
    { "mailgun", "Mailgun" },
    { "mailjet", "Mailjet" },
    { "mjt.lu", "Mailjet" },
    { "sendinblue", "Brevo (Sendinblue)" },
    { "sendib", "Brevo (Sendinblue)" },
    { "brevo", "Brevo (Sendinblue)" },
    { "klaviyo", "Klaviyo" },
    { "klclick", "Klaviyo" },
    { "hubspot", "HubSpot" },
    { "customer.io", "Customer.io" },
    { "customeriomail", "Customer.io" },
    { "sparkpost", "SparkPost (Bird)" },
    { "postmark", "Postmark" },
    { "pstmrk", "Postmark" },
    { "substack", "Substack" },
    { "beehiiv", "Beehiiv" },
    { "convertkit", "Kit (ConvertKit)" },
    { "constantcontact", "Constant Contact" },
    { "roving", "Constant Contact" },
    { "createsend", "Campaign Monitor" },
    { "cmail", "Campaign Monitor" },
    { "activecampaign", "ActiveCampaign" },
    { "exacttarget", "Salesforce Marketing Cloud" },
    { "exct.net", "Salesforce Marketing Cloud" },
    { "marketo", "Marketo" },
    { "mktomail", "Marketo" },
    { "iterable", "Iterable" },
    { "braze", "Braze" },
    { "sailthru", "Sailthru (Marigold)" },
    { "mailerlite", "MailerLite" },
    { "mlsend", "MailerLite" },
    { "getresponse", "GetResponse" },
    { "aweber", "AWeber" },
    { "icontact", "iContact" },
    { "govdelivery", "GovDelivery (Granicus)" },
    { "phplist", "phpList" },
    { "mautic", "Mautic" },
    { "civicrm", "CiviCRM" },
    { "emarsys", "Emarsys" },
    { "cleverreach", "CleverReach" },
    { "inxmail", "Inxmail" },
    { "responsys", "Oracle Responsys" },
    { "eloqua", "Oracle Eloqua" },
    { "intercom", "Intercom" },
};


static int
jm_sender_is(const char *name, const u_char *p, size_t len)
{
    size_t n;

    n = strlen(name);

    return (name[n - 1] == '-' ? len > n : len == n)
           && strncasecmp(name, (const char *) p, n) == 0;
}


static u_char
jm_sender_lower(u_char c)
{
    return (c >= 'A' && c <= 'Z') ? (u_char) (c | 0x20) : c;
}


/* Where the lower-case `word` begins, or `str.len`. */
static size_t
jm_sender_find(jm_str_t str, const char *word, size_t len)
{
    size_t        i, n;
    const u_char *p;

    for (i = 0; len != 0 && i + len <= str.len; i++) {
        p = str.data + i;

        for (n = 0; n < len && jm_sender_lower(p[n]) == (u_char) word[n]; n++)
        {
            /* void */
        }

        if (n == len) {
            return i;
        }
    }

    return str.len;
}


static const char *
jm_sender_vendor(jm_str_t value)
{
    size_t                  i;
    const jm_sender_word_t *row;

    for (i = 0; i < sizeof(jm_sender_words) / sizeof(jm_sender_words[0]); i++)
    {
        row = &jm_sender_words[i];

        if (jm_sender_find(value, row->word, strlen(row->word)) < value.len) {
            return row->vendor;
        }
    }

    return NULL;
}


static jm_str_t
jm_sender_hash(jm_arena_t *arena, const EVP_MD *type, jm_str_t address)
{
    u_char   digest[EVP_MAX_MD_SIZE];
    unsigned i, len;
    jm_buf_t buf;

    jm_buf_init(&buf, arena, SIZE_MAX);
    len = 0;

    if (EVP_Digest(address.data, address.len, digest, &len, type, NULL) == 1) {
        for (i = 0; i < len; i++) {
            jm_buf_addc(&buf, "0123456789abcdef"[digest[i] >> 4]);
            jm_buf_addc(&buf, "0123456789abcdef"[digest[i] & 15]);
        }
    }

    return jm_buf_str(&buf);
}


/* Whole groups of three bytes only: the rest depends on what follows. */
static jm_str_t
jm_sender_base64(jm_arena_t *arena, jm_str_t address)
{
    size_t   i;
    unsigned bits;
    jm_buf_t buf;

    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                 "abcdefghijklmnopqrstuvwxyz0123456789+/";

    jm_buf_init(&buf, arena, SIZE_MAX);

    for (i = 0; i + 3 <= address.len; i += 3) {
        bits = (unsigned) address.data[i] << 16
               | (unsigned) address.data[i + 1] << 8 | address.data[i + 2];
        jm_buf_addc(&buf, digits[bits >> 18]);
        jm_buf_addc(&buf, digits[bits >> 12 & 63]);
        jm_buf_addc(&buf, digits[bits >> 6 & 63]);
        jm_buf_addc(&buf, digits[bits & 63]);
    }

    return jm_buf_str(&buf);
}


void
jm_sender_recipient(jm_sender_t *sender, jm_arena_t *arena, jm_str_t address)
{
    size_t                 i;
    jm_str_t               lower;
    jm_sender_recipient_t *row;

    if (sender->nrecipients == JM_SENDER_RECIPIENTS || address.len > 254
        || address.len < 6)
    {
        return;
    }

    lower = jm_arena_str(arena, address.data, address.len);

    for (i = 0; i < lower.len; i++) {
        lower.data[i] = jm_sender_lower(lower.data[i]);
    }

    for (i = 0; i < sender->nrecipients; i++) {
        row = &sender->recipients[i];

        if (row->address.len == lower.len
            && memcmp(row->address.data, lower.data, lower.len) == 0)
        {
            return;
        }
    }

    row = &sender->recipients[sender->nrecipients++];
    row->address = lower;
    row->hash[0] = jm_sender_hash(arena, EVP_md5(), lower);
    row->hash[1] = jm_sender_hash(arena, EVP_sha1(), lower);
    row->hash[2] = jm_sender_hash(arena, EVP_sha256(), lower);
    row->base64 = jm_sender_base64(arena, lower);
}


static int
jm_sender_is_atom(u_char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z')
           || (c >= 'a' && c <= 'z') || (c != '\0' && strchr(".-_+=", c));
}


/* What looks like an address in a field of them. */
static void
jm_sender_addresses(jm_sender_t *sender, jm_arena_t *arena, jm_str_t value)
{
    size_t   i, from, to;
    jm_str_t address;

    for (i = 0; i < value.len; i++) {
        if (value.data[i] != '@') {
            continue;
        }

        for (from = i; from > 0 && jm_sender_is_atom(value.data[from - 1]);
             from--) {
            /* void */
        }

        for (to = i + 1; to < value.len && jm_sender_is_atom(value.data[to]);
             to++) {
            /* void */
        }

        if (from < i && to > i + 1) {
            address.data = value.data + from;
            address.len = to - from;
            jm_sender_recipient(sender, arena, address);
        }
    }
}


static void
jm_sender_field(jm_sender_t *sender, jm_arena_t *arena, jm_str_t name,
                jm_str_t value)
{
    size_t                   i, n;
    const char              *vendor;
    const jm_sender_field_t *row;

    n = sizeof(jm_sender_fields) / sizeof(jm_sender_fields[0]);

    for (i = 0; i < n; i++) {
        if (jm_sender_is(jm_sender_fields[i].name, name.data, name.len)) {
            break;
        }
    }

    if (i == n) {
        return;
    }

    row = &jm_sender_fields[i];
    vendor = row->vendor;

    if (row->use == TO) {
        jm_sender_addresses(sender, arena, value);
        return;
    }

    if (row->use == UNSUBSCRIBE && sender->unsubscribe.len == 0) {
        sender->unsubscribe = jm_arena_str(arena, value.data, value.len);
    }

    if (vendor == NULL && sender->vendor == NULL) {
        vendor = jm_sender_vendor(value);
    }

    /* a vendor's own field says more than a word in another */
    if (row->use == MARK || sender->vendor == NULL) {
        sender->vendor = vendor;
    }
}


void
jm_sender_read(jm_sender_t *sender, jm_arena_t *arena, jm_str_t raw)
{
    size_t        i;
    jm_buf_t      value;
    jm_str_t      name;
    const u_char *p, *end, *eol, *colon;

    memset(sender, 0, sizeof(jm_sender_t));

    p = raw.data;
    end = p + (raw.len < JM_SENDER_HEADER ? raw.len : JM_SENDER_HEADER);

    while (p < end && *p != '\r' && *p != '\n') {
        jm_buf_init(&value, arena, JM_SENDER_LINE);
        colon = memchr(p, ':', (size_t) (end - p));
        name.data = (u_char *) p;
        name.len = (colon == NULL) ? 0 : (size_t) (colon - p);
        i = 0;

        /* the line and those that continue it */
        do {
            eol = memchr(p, '\n', (size_t) (end - p));
            eol = (eol == NULL) ? end : eol + 1;

            if (i++ == 0 && (colon == NULL || colon >= eol)) {
                name.len = 0;

            } else if (name.len != 0) {
                p = (i == 1) ? colon + 1 : p;
                jm_buf_add(&value, p, (size_t) (eol - p));
            }

            p = eol;
        } while (p < end && (*p == ' ' || *p == '\t'));

        if (name.len != 0) {
            jm_sender_field(sender, arena, name, jm_buf_str(&value));
        }
    }
}


/* "%40" stands for "@" in most of them; case is the sender's. */
static int
jm_sender_address_in(jm_str_t address, jm_str_t url)
{
    size_t i, at, len, tail;

    at = (size_t) ((u_char *) memchr(address.data, '@', address.len)
                   - address.data);
    tail = address.len - at - 1;

    for (i = at; i < url.len; i++) {
        if (url.data[i] == '@') {
            len = 1;

        } else if (url.data[i] == '%' && i + 2 < url.len
                   && url.data[i + 1] == '4' && url.data[i + 2] == '0')
        {
            len = 3;

        } else {
            continue;
        }

        if (url.len - i - len >= tail
            && strncasecmp((char *) url.data + i - at, (char *) address.data,
                           at)
                   == 0
            && strncasecmp((char *) url.data + i + len,
                           (char *) address.data + at + 1, tail)
                   == 0)
        {
            return 1;
        }
    }

    return 0;
}


static int
jm_sender_base64_in(jm_str_t base64, jm_str_t url)
{
    return base64.len >= 8 && url.len >= base64.len
           && memmem(url.data, url.len, base64.data, base64.len) != NULL;
}


int
jm_sender_names(const jm_sender_t *sender, jm_str_t url)
{
    size_t                       i, n;
    const jm_sender_recipient_t *row;

    for (i = 0; sender != NULL && i < sender->nrecipients; i++) {
        row = &sender->recipients[i];

        if (jm_sender_address_in(row->address, url)
            || jm_sender_base64_in(row->base64, url))
        {
            return 1;
        }

        for (n = 0; n < 3; n++) {
            if (jm_sender_find(url, (char *) row->hash[n].data,
                               row->hash[n].len)
                < url.len)
            {
                return 1;
            }
        }
    }

    return 0;
}
