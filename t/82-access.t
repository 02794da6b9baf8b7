# Every view of the web inbox, wide and narrow, light and dark: axe-core finds no
# serious fault, nothing is cut or too wide, a thumb can hit what is to be hit.
# The narrowest phone and the longest words: nothing is cut there either.

use strict;
use warnings;

use lib 't/lib';
use JunkMail::Inbox;
use Test::More;

my ($jm, $c, $base) = JunkMail::Inbox->start;

$c->open($base);
until_true("document.querySelector('.hero .primary')", 'the page');
$c->run("document.querySelector('summary').click()");
look('first visit');
$c->run("document.querySelector('.hero .primary').click()");
my $address = until_true(
    "document.querySelector('.card .address span')?.textContent", 'an address');
until_true("document.getElementById('link')?.className === 'live'", 'live');
look('empty inbox');

like($jm->send_mail($address, <<'MAIL'), qr/^250 /, 'a mail with all there is');
From: "Bank of Trust" <security-department@bank-of-trust.example>
Subject: Your code for the Donaudampfschifffahrtselektrizitätenhauptbetriebswerk
Disposition-Notification-To: spy@bank.example
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=m

--m
Content-Type: multipart/related; boundary=r

--r
Content-Type: text/html; charset=utf-8

<p>Your code is 493817.</p><img src="cid:pic" width="120" height="80">
<a href="https://evil.example.net/">https://www.bank-of-trust.example/login</a>
<img src="https://list-manage.com/track/open.php?u=1" width="1" height="1">
<img src="https://images.example.org/a.jpg" width="300" height="200">
--r
Content-Type: image/gif; name=lake.gif
Content-ID: <pic>
Content-Disposition: inline; filename=lake.gif

GIF89a
--r--
--m
Content-Type: application/pdf
Content-Disposition: attachment; filename="Reisekostenabrechnung-November-endgueltig-unterschrieben.pdf"

1234567890
--m--
MAIL
until_true("document.querySelector('.list .unread')", 'arrives');
look('inbox');
$c->run("document.querySelector('.list input').click()");
look('a chosen mail');
$c->run("document.querySelector('.list a').click()");
until_true("document.querySelector('iframe')", 'a mail');
$c->run("document.querySelector('.report summary').click()");
look('reading');
for ([2, 'source', 'pre'], [3, 'details', 'dl']) {
    my ($n, $mode, $element) = @$_;
    $c->run("document.querySelectorAll('.modes a')[$n].click()");
    until_true("document.querySelector('.body $element') && !document.querySelector('.wait')", $mode);
    look($mode);
}
$c->run("[...document.querySelectorAll('.pane .bar button')].at(-1).click()");
until_true("document.querySelector('.toast')", 'deleted');
look('undo');

for my $view (qw(addresses account)) {
    $c->run("location.hash = '#v=$view'");
    until_true("document.querySelector('main.$view .cards li')", $view);
    until_true("document.querySelector('meter')", 'the quota')
        if $view eq 'account';
    look($view);
}
$c->run("document.querySelector('.box .primary').click()");
until_true("document.querySelector('dialog[open] .secret')", 'the key');
is($c->run("document.querySelector('dialog').contains(document.activeElement)"),
    1, 'a dialog has the focus');
look('a dialog');
is($c->run('document.getAnimations().length'), 0, 'who wants no motion has none');

# --- each language -----------------------------------------------------------

like($jm->send_mail($address, "Subject: Mail\n\nx\n"), qr/^250 /, 'a mail');
for my $lang (qw(de fr es)) {
    $c->call('Network.setUserAgentOverride',
        { userAgent => 'a phone', acceptLanguage => $lang });
    $c->run("location.hash = ''");
    $c->call('Page.reload');
    until_true("document.documentElement.lang === '$lang'"
        . " && document.querySelector('.list a')", "$lang is chosen");
    narrow("$lang, inbox");
    $c->run("document.querySelector('.list input').click()");
    narrow("$lang, chosen");
    $c->run("document.querySelector('.list a').click()");
    until_true("document.querySelector('iframe')", 'a mail');
    narrow("$lang, reading");
    for my $view (qw(addresses account)) {
        $c->run("location.hash = '#v=$view'");
        until_true("document.querySelector('main.$view .cards li')", $view);
        narrow("$lang, $view");
    }
}

$jm->done;
done_testing;


# What is shown, on a desk and on phones, by day and by night.
sub look
{
    my ($name) = @_;

    screen(1280, 800, 'light');
    axe("$name, desk, day");
    screen(1280, 800, 'dark');
    axe("$name, desk, night", 'color-contrast');
    screen(360, 740, 'dark');
    axe("$name, phone, night");

    is($c->run(q{[...document.querySelectorAll('a, button, input, select, summary')]
        .map(e => [e, (e.closest('label') || e).getBoundingClientRect()])
        .filter(([e, r]) => r.width && !e.closest('.links')
            && (r.width < 43.5 || r.height < 43.5))
        .map(([e, r]) => `${e.outerHTML} ${r.width} × ${r.height}`).join('\n')}),
        '', "$name: what is to be hit has 44 pixels");

    screen(320, 640, 'light');
    axe("$name, phone, day", 'color-contrast');
    narrow($name);
}

# On the narrowest phone.
sub narrow
{
    my ($name) = @_;

    wide($name);
    is($c->run(q{[...document.querySelectorAll('button, h1, h2, p, dd, label, .modes, '
        + '.bulk, .bar, #top, #top nav')].filter(e => !e.closest('.list, .hidden')
            && e.scrollWidth > e.clientWidth + 1 && e.clientWidth)
        .map(e => e.outerHTML).join('\n')}), '', "$name: nothing is cut");
}
