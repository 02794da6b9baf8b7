/*
 * extract.c: codes that a person would type, and numbers that are none.
 */

#include "message_case.h"

static const struct {
    const char *subject;
    const char *text;
    const char *codes; /* joined by a space */
} cases[] = {
    { "123456 is your Example verification code", "", "123456" },
    { "Your code", "Your verification code is 123456.", "123456" },
    { "Sign in", "Enter this code:\n\n  482913\n\nIt expires soon.",
      "482913" },
    { "Sign in", "G-739201 is your Example verification code.", "739201" },
    { "Login", "Use the one-time password 123 456 to log in.", "123456" },
    { "Login", "Your code: 1 2 3 4 5 6\n", "123456" },
    { "Login", "Your PIN: 0420", "0420" },
    { "Login", "Your OTP is 204-881", "204881" },
    { "Login", "Temporary sign-in code:\nX7K9-2QPL", "X7K9-2QPL" },
    { "Login", "Your login code: A1B2C3", "A1B2C3" },
    { "Anmeldung", "Ihr Bestätigungscode lautet: 55 77 99", "" },
    { "Anmeldung", "Ihr Bestätigungscode lautet: 557799", "557799" },
    { "Anmeldung", "Ihr Einmalpasswort: 4711-0815", "47110815" },
    { "Connexion", "Votre code de vérification est 908172.", "908172" },
    { "Acceso", "Tu código de verificación es 771203", "771203" },
    { "Accesso", "Il tuo codice di conferma: 660912", "660912" },
    { "Acesso", "O seu código de confirmação é 314159", "314159" },
    { "Inloggen", "Je verificatiecode is 271828.", "271828" },
    { "Logowanie", "Twój kod weryfikacyjny: 161803", "161803" },
    { "Two", "Your code is 111222. If asked, the PIN is 3344.",
      "111222 3344" },
    { "Your code", "Code: 8302 (valid until 2031)", "8302" },

    { "Invoice", "Invoice 2024123456 for order 123456, total 1234.56 EUR",
      "" },
    { "Hello", "We met in 2019 and 2020.", "" },
    { "Your order 445566", "Thank you for your order 445566.", "" },
    { "Sale", "Use promo code SAVE20 or coupon code 123456.", "" },
    { "Call", "Call us: +49 30 123456 or 030 123 456 789.", "" },
    { "Price", "Confirm your payment of 4500 EUR or $ 123456.", "" },
    { "Link", "Verify: https://example.org/123456?code=654321", "" },
    { "Date", "Your login on 2024-01-02 at 12:30.", "" },
    { "Betaald", "Status : 25 Geautoriseerd\nAutorisatiecode : 9873211", "" },
    { "News", "Please read the attached document carefully.", "" },
    { "Error", "It failed with error code 500123.", "" },
};


static void
test_cases(void **state)
{
    char   raw[1000], found[1000];
    size_t i, j, n;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        snprintf(raw, sizeof(raw),
                 "Subject: %s\r\nContent-Type: text/plain; charset=utf-8"
                 "\r\n\r\n%s",
                 cases[i].subject, cases[i].text);
        read_text(raw);
        found[0] = '\0';

        for (j = 0, n = 0; j < message.ncodes; j++) {
            n += snprintf(found + n, sizeof(found) - n, "%s%.*s",
                          n == 0 ? "" : " ", (int) message.codes[j].len,
                          message.codes[j].data);
        }

        if (strcmp(found, cases[i].codes) != 0) {
            fail_msg("\"%s\": \"%s\" instead of \"%s\"", cases[i].text, found,
                     cases[i].codes);
        }
    }
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
        cmocka_unit_test(test_cases),
        cmocka_unit_test(test_every_length),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, setup, teardown);
}
