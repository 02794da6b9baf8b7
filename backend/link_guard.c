/*
 * The guards of link_guard.h: three short tables.
 */

#define _GNU_SOURCE /* memmem */

#include "link_guard.h"

#include <strings.h>

#include "jm_fold.h"
#include "rules.h"

#define JM_GUARD_TEXT 256 /* bytes of a link's text that are looked at */

/* Parameters that sign, expire or open something: the whole name. */
static const char *const jm_guard_params[] = {
    "signature",
    "sig",
    "hmac",
    "mac",
    "md5",
    "sha1",
    "sha256",
    "digest",
    "checksum",
    "sign",
    "policy",
    "key-pair-id",
    "googleaccessid",
    "expires",
    "expiry",
    "expire",
    "expiration",
    "valid_until",
    "exp",
    "hdnea",
    "hdnts",
    "__gda__",
    "oh",
    "oe",
    "token",
    "code",
    "state",
    "nonce",
    "otp",
    "ticket",
    "samlrequest",
    "samlresponse",
    "relaystate",
    "key",
    "oobcode",
    "apikey",
    "api_key",
    "jwt",
    "auth",
    "login",
    "magic",
    "session",
    "sessionid",
    "verify",
    "hash",
    "secret",
    "password",
    "pwd",
    "pin",
    "passcode",
    "authcode",
    "auth_code",
    "login_code",
    "access_code",
    "otp_code",
    "invite",
    "invitation",
    "uid",
    "redirect_uri",
    "client_id",
    "response_type",
    "unsubscribe",
    "optout",
};

/* What the name of such a parameter begins or ends with. */
static const char *const jm_guard_prefixes[] = { "x-amz-", "x-goog-", "x-oss-",
                                                 "x-ms-" };
static const char *const jm_guard_suffixes[] = { "token",     "signature",
                                                 "_sig",      "_key",
                                                 "ationcode", "ation_code" };

/* What a word of such a path begins with; "$": and ends with. */
static const char *const jm_guard_words[] = {
    "unsub",     "optout",     "abmeld",      "abbestell", "austrag",
    "desabonn",  "desinscr",   "desuscr",     "anularsus", "baja$",
    "disiscri",  "cancellati", "descadastr",  "afmeld",    "uitschrijv",
    "wypis",     "rezygn",     "avregistr",   "avprenum",  "avmeld",
    "odhlas",    "leiratk",    "otpis",       "preferenc", "subscription",
    "verif",     "confirm",    "bestaetig",   "bestatig",  "activat",
    "aktivier",  "validat",    "reset$",      "password",  "passwort",
    "magic$",    "signin$",    "login$",      "logon$",    "invit",
    "einlad",    "oauth",      "resetpass",   "saml$",     "sso$",
    "auth$",     "authorize",  "authenticat", "magiclink", "onetime",
    "emailpref", "emailsett",
};

static const char *const jm_guard_hosts[] = {
    "accounts.google.com",
    "auth0.com",
    "okta.com",
    "login.microsoftonline.com",
    "login.live.com",
    "appleid.apple.com",
    "idmsa.apple.com",
    "hooks.slack.com",
    "docusign.net",
    "docusign.com",
    "s3.amazonaws.com",
    "blob.core.windows.net",
};

/* Hosts that begin so. */
static const char *const jm_guard_labels[] = { "login.",    "auth.",   "sso.",
                                               "accounts.", "signin.", "id." };

/* In lower case and without accents, as jm_fold() writes them: English,
 * German, French, Spanish, Italian, Portuguese, Dutch, Polish, Swedish, Danish
 * and Norwegian, Czech, Russian, Japanese. */
static const char *const jm_guard_texts[] = {
    "unsubscribe",
    "opt out",
    "opt-out",
    "manage preferences",
    "email preferences",
    "manage subscription",
    "update your preferences",
    "notification settings",
    "log in",
    "sign in",
    "reset your password",
    "reset password",
    "verify",
    "confirm",
    "activate",
    "accept invit",
    "abmelden",
    "abbestellen",
    "austragen",
    "abbestell",
    "anmelden",
    "einloggen",
    "passwort",
    "bestatig",
    "aktivier",
    "desabonn",
    "desinscr",
    "se connecter",
    "connexion",
    "mot de passe",
    "confirmer",
    "verifier",
    "gerer vos preferences",
    "desinscri",
    "darse de baja",
    "darme de baja",
    "cancelar suscripcion",
    "cancelar la suscripcion",
    "desuscrib",
    "iniciar sesion",
    "contrasena",
    "confirmar",
    "verificar",
    "disiscri",
    "annulla iscrizione",
    "annulla l'iscrizione",
    "cancellati",
    "cancella iscrizione",
    "accedi",
    "conferma",
    "verifica",
    "cancelar inscricao",
    "cancelar a inscricao",
    "cancelar subscricao",
    "descadastr",
    "anular subscricao",
    "iniciar sessao",
    "palavra-passe",
    "senha",
    "afmelden",
    "uitschrijven",
    "inloggen",
    "wachtwoord",
    "bevestig",
    "wypisz",
    "rezygn",
    "zrezygn",
    "anuluj subskrypcj",
    "zaloguj",
    "haslo",
    "potwierdz",
    "aktywuj",
    "avregistrera",
    "avsluta prenumeration",
    "avprenumerera",
    "logga in",
    "losenord",
    "bekrafta",
    "afmeld",
    "meld fra",
    "log ind",
    "adgangskode",
    "bekræft",
    "avmeld",
    "meld deg av",
    "logg inn",
    "passord",
    "bekreft",
    "odhlasit",
    "zrusit odber",
    "prihlasit",
    "heslo",
    "potvrdit",
    "отписаться",
    "отписка",
    "воити",
    "войти",
    "пароль",
    "подтверд",
    "配信停止",
    "購読解除",
    "登録解除",
    "ログイン",
    "パスワード",
    "確認する",
};


static int
jm_guard_is_word(u_char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z')
           || (c >= 'a' && c <= 'z') || c >= 0x80;
}


static int
jm_guard_param(const u_char *p, size_t len)
{
    size_t i, n;

    for (i = 0; i < sizeof(jm_guard_params) / sizeof(*jm_guard_params); i++) {
        if (strlen(jm_guard_params[i]) == len
            && strncasecmp(jm_guard_params[i], (const char *) p, len) == 0)
        {
            return 1;
        }
    }

    for (i = 0; i < sizeof(jm_guard_prefixes) / sizeof(*jm_guard_prefixes);
         i++) {
        n = strlen(jm_guard_prefixes[i]);

        if (len > n
            && strncasecmp(jm_guard_prefixes[i], (const char *) p, n) == 0) {
            return 1;
        }
    }

    for (i = 0; i < sizeof(jm_guard_suffixes) / sizeof(*jm_guard_suffixes);
         i++) {
        n = strlen(jm_guard_suffixes[i]);

        if (len > n
            && strncasecmp(jm_guard_suffixes[i], (const char *) p + len - n, n)
                   == 0)
        {
            return 1;
        }
    }

    return 0;
}


/* "eyJ….….…", a signed token, whatever it is called (RFC 7519). */
static int
jm_guard_is_jwt(const u_char *p, size_t len)
{
    return len > 3 && memcmp(p, "eyJ", 3) == 0 && memchr(p, '.', len) != NULL;
}


/* "a=1&b=2": the names, and the values that speak for themselves. */
static int
jm_guard_query(const u_char *p, const u_char *end)
{
    const u_char *name, *value;

    while (p < end) {
        for (name = p; p < end && *p != '=' && *p != '&' && *p != ';'; p++) {
            /* void */
        }

        if (jm_guard_param(name, (size_t) (p - name))) {
            return 1;
        }

        value = p + (p < end && *p == '=');

        while (p < end && *p != '&' && *p != ';') {
            p++;
        }

        if (p > value && jm_guard_is_jwt(value, (size_t) (p - value))) {
            return 1;
        }

        p += (p < end);
    }

    return 0;
}


/* A capital behind a small letter or digit begins a word: "userLogin". */
static int
jm_guard_is_hump(u_char before, u_char c)
{
    return c >= 'A' && c <= 'Z'
           && ((before >= 'a' && before <= 'z')
               || (before >= '0' && before <= '9'));
}


/* Does a row begin here?  "opt-out" and "sign_in" are words, too. */
static int
jm_guard_word(const char *row, const u_char *p, const u_char *end)
{
    const u_char *s;

    for (s = p; *row != '\0' && *row != '$' && s < end; s++) {
        if (s != p && (*s == '-' || *s == '_')) {
            continue;
        }

        if ((*s | 0x20) != (u_char) *row) {
            return 0;
        }

        row++;
    }

    return *row == '\0'
           || (*row == '$'
               && (s == end || !jm_guard_is_word(*s)
                   || jm_guard_is_hump(s[-1], *s)));
}


static int
jm_guard_path(const u_char *p, const u_char *end)
{
    size_t i;

    while (p < end) {
        if (*p == '%') {
            p += (end - p < 3) ? end - p : 3;
            continue;
        }

        if (!jm_guard_is_word(*p)) {
            p++;
            continue;
        }

        for (i = 0; i < sizeof(jm_guard_words) / sizeof(*jm_guard_words); i++)
        {
            if (jm_guard_word(jm_guard_words[i], p, end)) {
                return 1;
            }
        }

        do {
            p++;
        } while (p < end && jm_guard_is_word(*p)
                 && !jm_guard_is_hump(p[-1], *p));
    }

    return 0;
}


static int
jm_guard_host(jm_str_t host)
{
    size_t i, n;

    for (i = 0; i < sizeof(jm_guard_hosts) / sizeof(*jm_guard_hosts); i++) {
        if (jm_rules_host(jm_guard_hosts[i], 0, host)) {
            return 1;
        }
    }

    for (i = 0; i < sizeof(jm_guard_labels) / sizeof(*jm_guard_labels); i++) {
        n = strlen(jm_guard_labels[i]);

        if (host.len > n && memcmp(host.data, jm_guard_labels[i], n) == 0) {
            return 1;
        }
    }

    return 0;
}


int
jm_guard_url(const jm_url_t *url)
{
    const u_char *query, *fragment, *end;

    end = url->rest.data + url->rest.len;
    fragment = memchr(url->rest.data, '#', url->rest.len);
    fragment = (fragment == NULL) ? end : fragment;
    query = memchr(url->rest.data, '?', (size_t) (fragment - url->rest.data));
    query = (query == NULL) ? fragment : query;

    return jm_guard_host(url->host) || jm_guard_path(url->rest.data, query)
           || jm_guard_query(query + (query < fragment), fragment)
           || jm_guard_query(fragment + (fragment < end), end);
}


int
jm_guard_text(jm_str_t text)
{
    size_t i, len;
    u_char folded[JM_GUARD_TEXT];

    if (text.len == 0) {
        return 0;
    }

    len = jm_fold(text, folded, sizeof(folded));

    for (i = 0; i < sizeof(jm_guard_texts) / sizeof(*jm_guard_texts); i++) {
        if (memmem(folded, len, jm_guard_texts[i], strlen(jm_guard_texts[i]))
            != NULL) {
            return 1;
        }
    }

    return 0;
}
