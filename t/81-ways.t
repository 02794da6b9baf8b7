# The web inbox where less gets through: no WebSocket, then no stream either, a
# list that takes its time; and what it does with files, views, keys, life spans
# and notifications.

use strict;
use warnings;
use utf8;

use lib 't/lib';
use JunkMail::Inbox;
use JunkMail::Test;
use Test::More;

# What the file block-<Upgrade> in nginx's root closes.
my ($jm, $c, $base) = JunkMail::Inbox->start(http => <<'CONF');
location = /api/v1/events {
    if (-f $document_root/block-$http_upgrade) {
        return 403;
    }
    junkmail_api;
}
CONF
my $one = $c->{session};
my $files = "$jm->{dir}/files";
mkdir $files;
chmod 0777, $files;
$c->call('Browser.setDownloadBehavior',
    { behavior => 'allow', downloadPath => $files });

# A person who allows notifications, a list that waits for `release()`, a clock
# that is in a hurry.
$c->call('Page.addScriptToEvaluateOnNewDocument', { source => <<'JS' });
window.notes = [];
window.asked = 0;
window.Notification = class {
  static permission = 'default';
  static requestPermission() {
    asked++;
    Notification.permission = 'granted';
    return Promise.resolve('granted');
  }
  constructor(title) { notes.push(title); }
};
const timer = setTimeout;
window.setTimeout = (work, ms) =>
  timer(work, sessionStorage.quick && ms > 1000 ? ms / 5 : ms);
const real = fetch, held = new Promise(done => { window.release = done; });
window.fetch = async (url, how) => {
  if (sessionStorage.slow && /emails\?/.test(url)) {
    await held;
  }
  if (window.broken && /emails\?/.test(url)) {
    throw new TypeError('no network');
  }
  return real(url, how);
};
JS

$c->open($base);
until_true("document.querySelector('.hero .primary')", 'a newcomer');
$c->run("document.querySelector('.hero .primary').click()");
my $address = until_true(
    "document.querySelector('.card .address span')?.textContent", 'an address');
until_true("document.getElementById('link').className === 'live'", 'a WebSocket');

$c->call('Browser.grantPermissions', { permissions => ['clipboardReadWrite'] });
my ($x, $y) = @{ $c->run("(() => { const b = document.querySelector('.card .address')"
    . '.getBoundingClientRect(); return [b.left + 30, b.top + 10]; })()') };
$c->call('Input.dispatchMouseEvent', { type => $_, x => $x, y => $y,
    button => 'left', clickCount => 1 }) for qw(mousePressed mouseReleased);
is($c->run('navigator.clipboard.readText()'), $address, 'that a tap copies');

# --- notification ------------------------------------------------------------

is($c->run('asked'), 0, 'nobody is asked to allow notifications');
$c->run("document.querySelector('[title=\"Notify me of new mail\"]').click()");
until_true("asked === 1 && !document.querySelector('[title^=Notify]')",
    'who wants them says so');
$c->run("Object.defineProperty(document, 'hidden', { value: true, configurable: true }); 1");
like($jm->send_mail($address, <<'MAIL'), qr/^250 /, 'a mail');
From: Shop <shop@example.com>
Subject: The bill
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=b

--b
Content-Type: text/html

<h1>Thank you</h1><p style="height: 1500px">a long one</p>
<p><a href="https://shop.example/x">shop</a></p>
--b
Content-Type: application/octet-stream; name=bill.bin
Content-Disposition: attachment; filename=bill.bin

1234567890
--b--
MAIL
until_true("notes[0] === 'Shop'", 'a notification');
until_true("document.title === '● (1) JunkMail'", 'the title says it is new');
$c->run("Object.defineProperty(document, 'hidden', { value: false, configurable: true });"
    . "document.dispatchEvent(new Event('visibilitychange'))");
until_true("document.title === '(1) JunkMail'", 'until one looks');

# --- a mail: frame, views, files ---------------------------------------------

$c->run("document.querySelector('.list a').click()");
until_true("document.querySelector('iframe')?.offsetHeight > 1500",
    'the frame is as high as the mail');
until_true("document.querySelector('iframe').contentDocument"
    . ".documentElement.scrollHeight === document.querySelector('iframe')"
    . ".clientHeight", 'and does not scroll');
is($c->run("document.querySelector('iframe').contentDocument.links[0].rel"),
    'noopener noreferrer nofollow', 'a link in it knows nothing of us');
is($c->run("document.querySelector('iframe').contentDocument.links[0].target"),
    '_blank', 'and opens a page of its own');
screen(400, 700);
until_true("Math.abs(document.querySelector('iframe').contentDocument"
    . ".documentElement.scrollHeight - document.querySelector('iframe')"
    . ".clientHeight) < 1", 'it fits a narrower window, too');
screen(1200, 800);

$c->run("document.querySelector('.files button').click()");
file('bill.bin', qr/^1234567890\s*$/);
for ([1, 'pre', qr/Thank you/], [2, 'pre', qr/^Return-Path: .*boundary=b/s],
     [3, '.details', qr/shop\.example/])
{
    my ($n, $where, $what) = @$_;
    $c->run("document.querySelectorAll('.modes a')[$n].click()");
    like(until_true("document.querySelector('.pane $where')?.textContent",
        "view $n"), $what, 'holds the mail');
}
$c->run('history.back()');
until_true("document.querySelector('.pane pre')", 'back: the source');
$c->run("document.querySelector('.pictures button').click()");
file('mail.eml', qr/^Return-Path: .*boundary=b/s);
$c->call('Page.reload');
until_true("document.querySelector('.pane pre')?.textContent.includes('boundary')",
    'and after a reload');
$c->run("document.querySelector('.modes a').click()");
until_true("document.querySelector('iframe')?.offsetHeight > 1500", 'the frame');
my $ticket = $c->run("document.querySelector('iframe').src");
$c->run("document.querySelectorAll('.modes a')[1].click()");
until_true("!document.querySelector('iframe')", 'the text');
$c->run("document.querySelector('.modes a').click()");
isnt(until_true("document.querySelector('iframe')?.src", 'and the frame again'),
    $ticket, 'by a ticket that has not run out');

# --- a list that takes its time ----------------------------------------------

$c->run("sessionStorage.slow = 'yes'; location.hash = '#'; 1");
$c->call('Page.reload');
until_true("document.querySelector('.card .address span')?.textContent"
    . " === '$address'", 'before the list is there one has the address');
is($c->run("document.querySelectorAll('.list li').length"), 0, 'no list yet');
like($c->run("document.querySelector('.list .quietly').textContent"), qr/^Loading/,
    'which is said');
is($c->run("document.querySelectorAll('button:disabled').length"), 0,
    'every button works');
$c->run("document.querySelector('.card .link').click()");
until_true("document.querySelector('dialog[open] select')", 'such as this');

# --- life spans --------------------------------------------------------------

$c->run("document.querySelector('dialog select').value = 600;"
    . "document.querySelector('dialog .primary').click()");
until_true("document.querySelector('.card .dim').textContent === '10 minutes left'",
    'an address may end soon');
$c->run('delete sessionStorage.slow; release()');
until_true("document.querySelector('.list li')", 'the list');

$c->run("location.hash = '#v=addresses'");
until_true("document.querySelector('button.stop')", 'addresses');
$c->run("document.querySelector('button.stop').click()");
until_true("document.querySelector('.off')?.textContent"
    . " === 'Stopped: takes no mail · 10 minutes left'", 'stopped');
$c->run("document.querySelector('button.stop').click()");
until_true("!document.querySelector('.off')", 'resumed');
$c->run("document.querySelector('[name=alias]').value = 'second';"
    . "document.querySelector('.box form').requestSubmit()");
until_true("document.querySelectorAll('.cards > li').length === 2", 'a second one');
$c->run("document.querySelector('[name=alias]').value = 'second';"
    . "document.querySelector('.box form').requestSubmit()");
until_true("document.getElementById('toast').textContent"
    . ".startsWith('This name is taken. Choose another one.')",
    'an error says what to do');

like($jm->send_mail('second@junkmail.test', "Subject: for two\n\nx\n"), qr/^250 /,
    'a mail to it');
$c->run("location.hash = '#'");
until_true("document.querySelectorAll('.list li').length === 2", 'both');
$c->run("const s = document.querySelector('.tools select');"
    . "s.value = s.lastChild.value;"
    . "s.dispatchEvent(new Event('change', { bubbles: true }))");
until_true("document.querySelectorAll('.list li').length === 1", 'of one address');
$c->run("broken = true; location.hash = '#f=starred'");
# At once: it is asked for again by itself, too, when something else succeeds.
until_true("(() => { const list = document.querySelector('.list');"
    . " if (list.querySelector('[role=alert]')?.textContent"
    . ".startsWith('The server cannot be reached.')) {"
    . " broken = false; list.querySelector('.quietly button').click();"
    . " return true } })()", 'a list that fails says why');
until_true("document.querySelector('.foot')?.textContent.startsWith('No message has')",
    'and is read when one tries again');
$c->run('history.back()');
until_true("document.querySelectorAll('.list li').length === 1", 'back: one address');
like($c->run('location.hash'), qr/^#a=/, 'which has a link');
$c->run('history.back()');
until_true("document.querySelectorAll('.list li').length === 2"
    . " && document.querySelector('.tools select').value === ''", 'back: both');

# --- away and back -----------------------------------------------------------

$c->run("document.querySelector('.list a').click()");
until_true("document.querySelector('.pane iframe')", 'a mail');
$c->run("[...document.querySelectorAll('.bar button')].at(-1).click()");
until_true("document.activeElement.closest('.list li')?.textContent"
    . ".includes('The bill')", 'to the bin: the next one has the focus');
until_true("document.querySelector('.toast')?.textContent.startsWith('In the bin')",
    'which is said');
$c->run("document.querySelector('.toast button').click()");
until_true("document.querySelectorAll('.list li').length === 2", 'undone');

# --- keys --------------------------------------------------------------------

$c->run("location.hash = '#v=account'");
until_true("document.querySelector('.usage')?.textContent.startsWith("
    . "'Addresses: 2 of 100Messages: 2 of ')", 'what is used of the quota');
my $own = until_true("document.querySelector('.cards li')?.textContent", 'a key');
like($own, qr/^default This browser · emails:read/, 'it is the one in use');
$c->run("document.querySelector('.box .primary').click()");
my $key = until_true("document.querySelector('.secret')?.textContent",
    'the key to be saved');
$c->run("document.querySelectorAll('dialog button')[1].click()");
file('junkmail-key.txt', qr/^\Q$key\E\n$/);
$c->run("document.querySelector('dialog .primary').click()");

$c->run("document.querySelector('[name=name]').value = 'reader';"
    . "document.querySelector('[name=name]').form.requestSubmit()");
my $other = until_true("document.querySelector('.secret')?.textContent",
    'another key');
$c->run("document.querySelector('dialog .primary').click()");
my $two = $c->another;
$c->on($two);
$c->open($base);
until_true("document.querySelector('[name=key]')", 'another device');
$c->run("const i = document.querySelector('[name=key]'); i.value = '$other';"
    . 'i.form.requestSubmit()');
until_true("document.querySelectorAll('.list li').length === 2", 'reads');
$c->run("document.querySelector('.list .star').click()");
until_true("document.getElementById('toast').textContent.startsWith("
    . "'Your key does not allow this. Sign in with one that does.')",
    'and may do no more');
until_true("document.querySelector('.list .star').ariaPressed === 'false'",
    'what was refused is put right');
$c->on($one);
$c->run("document.querySelectorAll('.cards .danger')[1].click()");
until_true("document.querySelector('dialog .danger')", 'is one sure?');
$c->run("document.querySelector('dialog .danger').click()");
until_true("document.querySelectorAll('.cards li').length === 1", 'it is revoked');
$c->on($two);
until_true("document.querySelector('.hero .note')", 'the other device says so');
$c->on($one);

# --- less gets through -------------------------------------------------------

$jm->write('block-websocket', '');
$c->run("sessionStorage.quick = 'yes'");
$c->run("location.hash = '#'; window.old = 1");
$c->call('Page.reload');
until_true("!window.old && document.getElementById('link')?.className === 'live'",
    'no WebSocket: a stream');
like($jm->send_mail($address, "Subject: by stream\n\nx\n"), qr/^250 /, 'a mail');
until_true("document.querySelector('.list .subject').textContent === 'by stream'",
    'comes by it');

$jm->write('block-', '');
$c->run('window.old = 1');
$c->call('Page.reload');
until_true("!window.old && document.getElementById('link')?.className === 'polling'",
    'no stream: it asks now and then');
like($c->run("document.getElementById('link').textContent"), qr/10 seconds/,
    'and says so');
like($jm->send_mail($address, "Subject: by asking\n\nx\n"), qr/^250 /, 'a mail');
until_true("document.querySelector('.list .subject').textContent === 'by asking'"
    . " && document.getElementById('said').textContent.includes('by asking')",
    'comes so');
unlink "$jm->{dir}/block-", "$jm->{dir}/block-websocket";
$c->run("dispatchEvent(new Event('online'))");
until_true("document.getElementById('link').className === 'live'",
    'when the network changes push is tried again');

$jm->done;
done_testing;


# A file that was downloaded.
sub file
{
    my ($name, $content) = @_;

    my $got = '';
    for (1 .. 600) {
        last if -s "$files/$name" && ($got = slurp("$files/$name")) =~ $content;
        $c->settle(0.1);
    }
    like($got, $content, "$name is downloaded");
}
