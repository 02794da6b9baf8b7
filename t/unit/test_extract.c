/*
 * extract.c: codes that a person would type, and numbers that are none.
 */

#include "extract_fresh.h"
#include "extract_mails.h"
#include "message_case.h"

static const extract_case_t cases[] = {
    { "Login", "Your code: 1 2 3 4 5 6\n", "123456" },
    { "Login", "Temporary sign-in code:\nX7K9-2QPL", "X7K9-2QPL" },
    { "Two", "Your code is 111222. If asked, the PIN is 3344.",
      "111222 3344" },
    { "Your code", "Code: 8302 (valid until 2031)", "8302" },
    { "News", "Please read the attached document carefully.", "" },
    { "Aktion", "Mit 3500 Filialen! Melden Sie sich zum Newsletter an.", "" },
    { "Adresse",
      "Pour finaliser, saisissez ces chiffres sur le site :\n\n5082", "5082" },
    /* words with dashes, and characters of every kind, that are no codes */
    { "Your code", "Sign in with your code to read our\n\nstate-of-the-art\n",
      "" },
    { "Confirm your account", "Confirm the code of the state-of-the-art shop.",
      "" },
    { "Verify your iPhone15",
      "Your verification code for iPhone15Pro and PlayStation5 was sent.",
      "" },
    { "Pull request", "Review requested on branch: fix-login-code", "" },
    { "Watch", "How to log in: youtu.be/dQw4w9WgXcQ", "" },
    { "Password", "The password of HP2055dn or WiFi6Router was changed.", "" },
    { "Your temporary password",
      "The temporary password is valid for 1440 minutes.", "" },
    { "Your code", "Your code expires in 3600 seconds, or 1440 minutes.", "" },
    { "Ihr Code", "Der Code ist 1440 Minuten gültig.", "" },
    { "Votre code", "Le code est valable 1440 minutes ou 86400 secondes.",
      "" },
    { "Tu código", "El código caduca en 1440 minutos.", "" },
    { "Il codice", "Il codice scade tra 1440 minuti.", "" },
    { "O código", "O código expira em 1440 minutos.", "" },
    { "De code", "De code is 1440 minuten geldig.", "" },
    { "Kod", "Kod jest ważny przez 1440 minut.", "" },
    { "Packstation", "Packstation 1452: 8824 Pakete. Telefon 030 1452: 8824",
      "" },
    /* codes of things */
    { "Your order",
      "Product code: 482913. Item code 88213. Tax code 1257L. Branch code "
      "250655. Exit code 1389. Dialling code 0049.",
      "" },
    { "Offer", "Offer code: 482913. Flight code LH4829. Rate code 8812.", "" },
    { "Artikel", "Produktcode: 482913, Artikelcode 88213, Kundencode 48213",
      "" },
    { "Article", "Code produit : 482913. Code article 88213. Code APE 6201Z.",
      "" },
    { "Artículo", "Código de producto: 482913. Código del artículo 88213",
      "" },
    { "Articolo", "Codice prodotto: 482913. Codice articolo 88213", "" },
    { "Artigo", "Código do produto: 482913. Código do artigo 88213", "" },
    { "Artikel", "Productcode: 482913. Artikelcode 88213. Klantcode 482917",
      "" },
    { "Towar", "Kod produktu: 482913. Kod towaru 88213. Kod klienta 48213",
      "" },
    { "Code",
      "Verification code\n\n482913\n\nOrder no. 12345678. Bestell-Nr. "
      "7654321, zamówienie nr 998877",
      "482913" },
    { "コード", "お電話：０３－１２３４－５６７８、注文番号４８２９１３", "" },
};


static size_t
wrong_cases(const extract_case_t *list, size_t n)
{
    char   raw[1000], found[1000];
    size_t i, j, len, wrong;

    wrong = 0;

    for (i = 0; i < n; i++) {
        snprintf(raw, sizeof(raw),
                 "Subject: %s\r\nContent-Type: text/plain; charset=utf-8"
                 "\r\n\r\n%s",
                 list[i].subject, list[i].text);
        read_text(raw);
        found[0] = '\0';

        for (j = 0, len = 0; j < message.ncodes; j++) {
            len += snprintf(found + len, sizeof(found) - len, "%s%.*s",
                            len == 0 ? "" : " ", (int) message.codes[j].len,
                            message.codes[j].data);
        }

        if (strcmp(found, list[i].codes) != 0) {
            print_message("# \"%s\" \"%s\": \"%s\" instead of \"%s\"\n",
                          list[i].subject, list[i].text, found, list[i].codes);
            wrong++;
        }
    }

    return wrong;
}


#define COUNT(list) (sizeof(list) / sizeof(list[0]))


static void
test_cases(void **state)
{
    assert_int_equal(wrong_cases(cases, COUNT(cases)), 0);
}


static void
test_codes(void **state)
{
    assert_true(COUNT(extract_codes) >= 120);
    assert_int_equal(wrong_cases(extract_codes, COUNT(extract_codes)), 0);
}


static void
test_numbers(void **state)
{
    assert_true(COUNT(extract_numbers) >= 120);
    assert_int_equal(wrong_cases(extract_numbers, COUNT(extract_numbers)), 0);
}


static void
test_mails(void **state)
{
    assert_true(COUNT(extract_mails) >= 180);

    assert_int_equal(wrong_cases(extract_mails, COUNT(extract_mails)), 0);
}


static void
test_fresh(void **state)
{
    assert_int_equal(COUNT(extract_fresh), 60);
    assert_int_equal(wrong_cases(extract_fresh, COUNT(extract_fresh)), 0);
}


static void
test_fresh_none(void **state)
{
    assert_int_equal(COUNT(extract_fresh_none), 60);
    assert_int_equal(
        wrong_cases(extract_fresh_none, COUNT(extract_fresh_none)), 0);
}


/* Which of the links is put first. */
static void
test_links(void **state)
{
    size_t i;
    char   raw[2000];

    static const struct {
        const char *html;
        const char *first;
    } links[] = {
        { "<a href=http://a.test/>Home</a><a href=http://b.test/x>Confirm "
          "email</a>",
          "http://b.test/x" },
        { "<a href=http://a.test/>Home</a><a href=http://b.test/verify?t=1>"
          "Click here</a>",
          "http://b.test/verify?t=1" },
        { "<a href=http://a.test/>Home</a><a href=http://b.test/y>Passwort "
          "zur&uuml;cksetzen</a>",
          "http://b.test/y" },
        { "<a href=http://a.test/>Accueil</a><a href=http://b.test/y>"
          "R&eacute;initialiser le mot de passe</a>",
          "http://b.test/y" },
        { "<a href=http://a.test/>Inicio</a><a href=http://b.test/y>Iniciar "
          "sesi&oacute;n</a>",
          "http://b.test/y" },
        { "<a href=http://a.test/>Home</a><a href=http://b.test/y>Accedi"
          "</a>",
          "http://b.test/y" },
        { "<a href=http://a.test/>In&iacute;cio</a><a href=http://b.test/y>"
          "Redefinir senha</a>",
          "http://b.test/y" },
        { "<a href=http://a.test/>Home</a><a href=http://b.test/y>Bevestig "
          "je e-mailadres</a>",
          "http://b.test/y" },
        { "<a href=http://a.test/>Start</a><a href=http://b.test/y>"
          "Potwierd&#378; adres</a>",
          "http://b.test/y" },
        { "<a href=http://a.test/>\u9996\u9875</a><a href=http://b.test/y>"
          "\u9a8c\u8bc1\u90ae\u7bb1</a>",
          "http://b.test/y" },
        { "<a href=http://a.test/>Top</a><a href=http://b.test/y>"
          "\u30ed\u30b0\u30a4\u30f3</a>",
          "http://b.test/y" },
        { "<a href=http://a.test/>\ud648</a><a href=http://b.test/y>"
          "\uc774\uba54\uc77c \uc778\uc99d</a>",
          "http://b.test/y" },
        { "<a href=http://a.test/>\u041c\u0430\u0433\u0430\u0437\u0438\u043d"
          "</a><a href=http://b.test/y>\u041f\u043e\u0434\u0442\u0432\u0435"
          "\u0440\u0434\u0438\u0442\u044c</a>",
          "http://b.test/y" },
        { "<a href=http://a.test/shop>Shop</a><a "
          "href=http://b.test/preferences>"
          "Manage your login preferences</a><a href=http://c.test/t/Xy>"
          "Yes, that was me</a><a href=http://d.test/m>Activate account</a>",
          "http://d.test/m" },
        { "<a href=http://a.test/>Home</a><a href=http://b.test/unsubscribe>"
          "Confirm</a><a href=http://c.test/login>Log in</a>",
          "http://c.test/login" },
        { "<a href=http://a.test/>Home</a><a href=http://b.test/>News</a>",
          "http://a.test/" },
        { "<a href=mailto:confirm@a.test>Confirm</a><a href=http://b.test/>"
          "News</a>",
          "mailto:confirm@a.test" },

        /* the sentence says what the link does not */
        { "<a href=http://a.test/>Shop</a><p>Click <a href=http://b.test/y>"
          "here</a> to confirm your email.",
          "http://b.test/y" },
        { "<a href=http://a.test/>Shop</a><p>Klicken Sie <a "
          "href=http://b.test/y>hier</a>, um Ihr Passwort "
          "zur&uuml;ckzusetzen.",
          "http://b.test/y" },
        { "<p>News! <a href=http://a.test/>Here</a>. Verify: <a "
          "href=http://b.test/y>http://b.test/y</a>",
          "http://b.test/y" },
        { "<p>Read it <a href=http://a.test/>here</a>. To unsubscribe, "
          "confirm <a href=http://b.test/y>here</a>.",
          "http://a.test/" },
        { "<a href=http://a.test/>Shop</a><p>Of passwords: <a "
          "href=http://b.test/y>How we lost all of ours</a>",
          "http://a.test/" },
        { "<a href=http://a.test/>Shop</a><p>Confirm <a href=http://b.test/y>"
          "here</a>, or <a href=http://c.test/y>log in</a>.",
          "http://c.test/y" },
    };

    static const char plain[] =
        "\r\nhttp://a.test/\r\n\r\nWelcome! Please confirm your address by "
        "the link below.\r\n\r\nhttp://b.test/y\r\n";

    for (i = 0; i < COUNT(links); i++) {
        snprintf(raw, sizeof(raw),
                 "Content-Type: text/html; charset=utf-8\r\n\r\n%s",
                 links[i].html);
        read_text(raw);

        if (message.clean.links[0].href.len != strlen(links[i].first)
            || memcmp(message.clean.links[0].href.data, links[i].first,
                      message.clean.links[0].href.len)
                   != 0)
        {
            fail_msg("%s", links[i].html);
        }
    }

    read_text(plain);
    assert_str(message.clean.links[0].href, "http://b.test/y");
}


/* Cut anywhere, nothing is read beyond the end. */
static void
test_every_length(void **state)
{
    size_t      len;
    const char *raw =
        "Subject: code 123456\n\nYour code: 1 2 3 4 5 6\nG-739201 X7K9-2QPL "
        "is\xc2\xa0your \xe2\x82\xac 12 code 123 456\n\xc2";

    for (len = 0; len <= strlen(raw); len++) {
        assert_int_equal(read_message(raw, len), 0);
        assert_true(message.ncodes <= 5);
    }
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),   cmocka_unit_test(test_codes),
        cmocka_unit_test(test_numbers), cmocka_unit_test(test_mails),
        cmocka_unit_test(test_fresh),   cmocka_unit_test(test_fresh_none),
        cmocka_unit_test(test_links),   cmocka_unit_test(test_every_length),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, setup, teardown);
}
