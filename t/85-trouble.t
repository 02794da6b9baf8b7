# The web inbox when things go wrong: a browser that keeps nothing, a stream that
# falls silent, more mail between two polls than a page holds, changes that do
# not arrive, a key that may only read, a hasty hand.

use strict;
use warnings;

use lib 't/lib';
use JSON::PP;
use JunkMail::Inbox;
use Test::More;

my ($jm, $c, $base) = JunkMail::Inbox->start;
my $me = $jm->account;
my $address = $jm->api(POST => '/addresses', key => $me->{key}, json => {})
    ->{json}{data}{address};

# --- a browser that keeps nothing ----------------------------------------------

my $none = $c->call('Page.addScriptToEvaluateOnNewDocument', { source => <<'JS' });
Object.defineProperty(window, 'localStorage',
  { get() { throw new DOMException('no', 'SecurityError'); } });
JS
$c->open($base);
until_true("document.querySelector('.hero .primary')", 'without a store: the page');
$c->run("document.querySelector('.hero .primary').click()");
until_true("document.querySelector('.card .address span')", 'and a mailbox');
$c->run("location.hash = '#v=account'");
until_true("document.querySelector('main.account .box .primary')", 'its key');
$c->run("document.querySelector('.box .primary').click()");
until_true("document.querySelector('.secret')", 'can be saved');
$c->call('Page.removeScriptToEvaluateOnNewDocument', $none);

# --- a stream that falls silent, no stream ---------------------------------------

# No WebSocket.  The stream is as `stream` says: one that says hello and no more
# (they are counted), or none.  A clock that is in a hurry.
$c->call('Page.addScriptToEvaluateOnNewDocument', { source => <<'JS' });
window.stream = 'silent';
window.streams = window.made = 0;
window.WebSocket = class {
  constructor() { setTimeout(() => this.onclose({ code: 1006 })); }
  close() { }
};
const timer = setTimeout;
window.setTimeout = (work, ms) => timer(work, ms > 3500 ? ms / 10 : ms);
const real = fetch;
window.fetch = async (url, how = {}) => {
  if (!/events/.test(url)) {
    window.made += how.method === 'POST' && /\/(addresses|keys)$/.test(url);
    if (window.broken?.test(`${how.method} ${url}`)) {
      throw new TypeError('no network');
    }
    return real(url, how);
  }
  if (stream === 'none') {
    return new Response('', { status: 403 });
  }
  streams++;
  return new Response(new ReadableStream({ start(pipe) {
    pipe.enqueue(new TextEncoder().encode(
      'data: {"type":"hello","id":"1-1","heartbeat":1}\n'));
    how.signal.addEventListener('abort', () => pipe.error(how.signal.reason));
  } }));
};
JS

sign_in($me->{key});
until_true('streams > 1', 'a stream without a sign of life is asked for again');
$c->run("stream = 'none'");
until_true("document.getElementById('link').className === 'polling'",
    'no stream: polling');

# All of them between two polls.
$c->run('broken = /./');
my $s = $jm->session;
for my $n (1 .. 130) {
    $s->cmd('MAIL FROM:<x@example.com>');
    $s->cmd("RCPT TO:<$address>");
    $s->cmd('DATA');
    $s->cmd("Subject: number $n\r\n\r\nx\r\n.");
}
$c->run('broken = null; 1');
until_true("document.querySelector('.list .subject')?.textContent === 'number 130'",
    'more than a page between two polls');
until_true("list.scrollTop = 1e6, document.querySelector('.list li:last-child"
    . " .subject').textContent === 'number 1'", 'the oldest can be reached');

# --- changes that do not arrive --------------------------------------------------

$c->run('list.scrollTop = 0; 1');
until_true("document.querySelector('.list .subject')?.textContent === 'number 130'",
    'at the top');
$c->run("broken = /./; document.querySelector('.list .star').click()");
until_true("document.getElementById('toast').textContent.startsWith("
    . "'The server cannot be reached.')", 'a star does not arrive');
until_true("document.querySelector('.list .star').ariaPressed === 'false'",
    'and is taken back');
$c->run("document.querySelector('.list .pick input').click()");
until_true("document.querySelector('.bulk .room')?.textContent"
    . " === '1 of 130'", 'one is chosen');
$c->run("document.querySelector('.bulk button:last-child').click()");
until_true("document.querySelector('.list .subject').textContent === 'number 130'"
    . " && list.firstChild.style.getPropertyValue('--n') == 130",
    'deleted and back');
$c->run('broken = null; 1');

# A frame without a ticket says so.
$c->run("broken = /POST .*view/; document.querySelector('.list a').click()");
until_true("document.querySelector('.body [role=alert]')", 'a mail that cannot be shown');
$c->run("broken = null; document.querySelector('.body button').click()");
until_true("document.querySelector('.body iframe')", 'is, when one tries again');
$c->run("location.hash = '#'");

# --- a hasty hand ------------------------------------------------------------------

$c->run("location.hash = '#v=addresses'");
until_true("document.querySelector('[name=domain] option')", 'addresses');
$c->run("made = 0; for (let i = 0; i < 3; i++) {"
    . " document.querySelector('[name=alias]').form.requestSubmit(); }");
until_true("document.querySelectorAll('.cards > li').length === 2",
    'Enter, Enter, Enter');
is($c->run('made'), 1, 'one address');

# --- a key that may only read ----------------------------------------------------

my $reader = $jm->api(POST => '/keys', key => $me->{key},
    json => { name => 'r', scopes => ['emails:read'] })->{json}{data}{key};
$c->on($c->another);
sign_in($reader);
$c->run("document.querySelector('.list a').click()");
until_true("document.querySelector('iframe')", 'who may only read reads');
$c->settle(0.5);
is($c->run("document.getElementById('toast').textContent"), '', 'undisturbed');
$c->run("document.querySelector('.pane .star').click()");
until_true("document.getElementById('toast').textContent.startsWith("
    . "'Your key does not allow this.')", 'and is told what a key may not do');
until_true("document.querySelector('.pane .star').ariaPressed === 'false'",
    'which is taken back');

$jm->done;
done_testing;


sub sign_in
{
    my ($key) = @_;

    $c->open($base);
    until_true("document.querySelector('[name=key]')", 'a page');
    $c->run("const i = document.querySelector('[name=key]'); i.value = '$key';"
        . 'i.form.requestSubmit()');
    until_true("document.querySelector('.tools')"
        . " && !document.querySelector('.list')?.textContent.startsWith('Load')",
        'signed in');
}
