# The newcomer's path in Firefox, by its keyboard: a mailbox, a mail that arrives
# while one looks on, reading it, deleting it and back; and not a word in the
# console, so the policy of the page is kept.

use strict;
use warnings;

use lib 't/lib';
use JunkMail::Firefox;
use JunkMail::Inbox qw();
use Test::More;
use Time::HiRes qw(sleep);

plan skip_all => 'no firefox here' unless JunkMail::Firefox::available();

# WebDriver 17.4.2
my ($TAB, $ENTER, $ESCAPE, $DELETE)
    = ("\x{e004}", "\x{e007}", "\x{e00c}", "\x{e017}");

my ($jm, $base) = JunkMail::Inbox::serve();
my $f = JunkMail::Firefox->new(port => $jm->free_port,
    prefs => { 'intl.accept_languages' => 'de-AT, en',
               'ui.systemUsesDarkTheme' => 1 });
$f->open($base);

until_true("document.querySelector('.hero .primary')", 'the page');
is($f->run('document.documentElement.lang'), 'de', 'in the language asked for');
is($f->run("getComputedStyle(document.body).color"), 'rgb(236, 237, 245)', 'dark');
walk('.hero .primary');
$f->press($ENTER);
my $address = until_true(
    "document.querySelector('.card .address span')?.textContent", 'an address');
until_true("document.getElementById('link')?.className === 'live'", 'live');

$f->run('window.same = 1');
like($jm->send_mail($address, <<'MAIL'), qr/^250 /, 'a mail');
From: Shop <shop@example.com>
Subject: Your code
MIME-Version: 1.0
Content-Type: text/html; charset=utf-8

<p style="color: #123456" onclick="alert(1)">Your code is 493817.</p>
<script>alert(1)</script><img src="https://tracker.example/x.gif" width="1">
MAIL
until_true("document.querySelector('.list .subject')?.textContent === 'Your code'",
    'is there without a reload');
until_true("document.title.includes('(1)')", 'the title tells');

walk('.list a');
$f->press($ENTER);
until_true("document.querySelector('.pane h2')?.textContent === 'Your code'", 'read');
until_true("document.querySelector('.code')?.textContent === '493817'", 'its code');
until_true("document.querySelector('iframe')", 'its frame');
$f->call('WebDriver:SwitchToFrame',
    { element => $f->call('WebDriver:FindElement',
        { using => 'css selector', value => 'iframe' })->{value} });
until_true("document.querySelector('p')?.textContent.includes('493817')",
    'with the mail in it');
is($f->run("getComputedStyle(document.querySelector('p')).color"),
    'rgb(18, 52, 86)', 'in its colours');
is($f->run("document.querySelectorAll('script, [onclick]').length"), 0,
    'without its scripts');
$f->call('WebDriver:SwitchToFrame', { element => undef });

$f->run('history.back()');
until_true("document.activeElement.closest('.list li')", 'back: in the list');
$f->press($DELETE);
until_true("document.querySelector('.empty')", 'Delete: away');
until_true("document.querySelectorAll('.toast button').length === 2",
    'with an undo');
walk('.toast button');
$f->press($ENTER);
until_true("document.querySelector('.list .subject')", 'and back again');

# Addresses and keys, and a dialog that gives the focus back.
walk('#top nav a[href*="addresses"]');
$f->press($ENTER);
until_true("document.querySelectorAll('main.addresses .cards > li').length === 1",
    'addresses');
walk('[name=alias]');
$f->press(qw(m i n e), $ENTER);
until_true("document.querySelector('.cards').textContent.includes('mine\@')",
    'an address by name');
# The list may be drawn anew meanwhile.
for (1 .. 10) {
    walk('.cards .danger');
    $f->press($ENTER);
    sleep 0.5;
    last if $f->run("!!document.querySelector('dialog[open]')");
}
until_true("document.querySelector('dialog[open]')?.contains(document.activeElement)",
    'a dialog takes the focus');
$f->press($ESCAPE);
until_true("!document.querySelector('dialog')", 'Escape closes it');
is($f->run("document.activeElement.className"), 'quiet danger',
    'and the focus is where it was');

walk('#top nav a[href*="account"]');
$f->press($ENTER);
until_true("document.querySelectorAll('main.account .cards li').length === 1",
    'keys');
walk('[name=name]');
$f->press(qw(t v), $ENTER);
until_true("document.querySelector('dialog .secret')", 'a key is made');
$f->press($ESCAPE);
until_true("document.querySelectorAll('.cards li').length === 2", 'and listed');
is($f->run('window.same'), 1, 'all that in one page');
is(join("\n", $f->said), '', 'and no complaint in the console');
$f->run("document.body.setAttribute('style', 'color: red')");
ok($jm->eventually(sub { join("\n", $f->said) =~ /Content-Security-Policy/ }),
    'which would have told');

$jm->done;
done_testing;


# The value of an expression as soon as it is true.
sub until_true
{
    my ($script, $name) = @_;

    my $value;
    for (1 .. 1200) {
        $value = eval { $f->run($script) };
        last if $value;
        sleep 0.05;
    }
    ok($value, $name) or diag("$script: ", $@ || 'not true');
    return ref $value ? 1 : $value // '';
}

# Tab from the top of the page, until this is reached.  (Not round through
# Firefox's own buttons: headless, after that, Enter no longer clicks.)
sub walk
{
    my ($to) = @_;

    $f->run("document.querySelector('.brand').focus()");

    for (1 .. 80) {
        return pass("Tab leads to $to")
            if $f->run("document.activeElement?.matches('$to')");
        $f->press($TAB);
    }
    fail("Tab leads to $to");
}
