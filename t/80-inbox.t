# The web inbox in Chromium: a newcomer's path, mail that arrives while one looks
# on, two browsers in step, a hostile mail, offline and back, the keyboard, a
# phone's width, and (where npm can be asked) axe-core's opinion of each page.

use strict;
use warnings;

use lib 't/lib';
use JunkMail::Inbox;
use Test::More;

my ($jm, $c, $base) = JunkMail::Inbox->start;
my $one = $c->{session};

my $r = $jm->http(GET => '/');
like($r->{headers}{etag}, qr/./, 'the page has an ETag');
is($r->{headers}{'cache-control'}, 'no-cache', 'and is asked for with it');
is($jm->http(GET => '/', headers => { 'If-None-Match' => $r->{headers}{etag} })
    ->{status}, 304, 'unchanged, it is not sent again');

# --- a newcomer --------------------------------------------------------------

my $frame = $c->open($base);
until_true("document.querySelector('.hero .primary')", 'one button');
is($c->run("(all => all.filter((x, i) => all.indexOf(x) < i).join(' '))"
    . "(performance.getEntriesByType('resource').map(x => x.name))"), '',
    'each file is asked for once');
axe('first visit');
$c->run("document.querySelector('.hero .primary').click()");
my $address = until_true(
    "document.querySelector('.card .address span')?.textContent", 'an address');
like($address, qr/^[^@]+\@junkmail\.test$/, 'that takes mail');
until_true("document.querySelector('.empty')", 'an empty box says what to do');
until_true("document.getElementById('link')?.textContent === 'Live'", 'live');
axe('empty inbox');

# What moves while mail arrives.
$c->run(q{window.shift = 0; new PerformanceObserver(l => l.getEntries().forEach(
    e => { if (e.sources.some(s => !s.node?.closest?.('.list'))) {
        shift += e.value; } })).observe({ type: 'layout-shift' }); 1});
$c->run('window.same = 1');
like($jm->send_mail($address, <<'MAIL'), qr/^250 /, 'a mail');
From: Shop <shop@example.com>
Subject: Your code
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=b

--b
Content-Type: text/plain

Your code is 493817.
--b
Content-Type: application/pdf; name=bill.pdf
Content-Disposition: attachment; filename=bill.pdf

1234567890
--b--
MAIL
until_true("document.querySelector('.list .subject')?.textContent === 'Your code'",
    'is there without a reload');
is($c->run('window.same'), 1, 'the same page');
until_true(q{document.title.includes('(1)')}, 'the title tells');
is($c->run(q{document.querySelector('link[rel=icon]').getAttribute('href')}),
    'icon-new.svg', 'the icon, too');
is($c->run(q{document.getElementById('said').textContent}),
    'New message! Shop: Your code', 'and a screen reader hears it');
is($c->run('shift'), 0, 'nothing outside the list has moved');

# --- two browsers in step ----------------------------------------------------

my $key = $c->run("localStorage.getItem('junkmail.key')");
my $two = $c->another;
$c->on($two);
$c->open($base);
until_true("document.querySelector('.hero details')", 'a second device');
$c->run(qq{const i = document.querySelector('[name=key]'); i.value = '$key';
    i.form.requestSubmit()});
until_true("document.querySelector('.list .unread .subject')", 'signed in by the key');

$c->on($one);
$c->run("document.querySelector('.list a').click()");
until_true("document.querySelector('.code span')?.textContent === '493817'",
    'the code on top');
is($c->run("document.activeElement.textContent"), 'Your code',
    'the mail has the focus');
is($c->run("document.querySelector('.files span').textContent"), 'bill.pdf',
    'its attachment');
axe('reading');
$c->run("document.querySelector('.modes').lastChild.click()");
like($c->run("document.querySelector('.details dd').textContent"),
    qr/^Shop <shop/, 'its details');
axe('details');
$c->run("document.querySelector('.modes a').click()");
$c->on($two);
until_true("!document.querySelector('.list .unread')", 'read on the other, too');
$c->run("document.querySelector('.list .star').click()");
$c->on($one);
until_true("document.querySelector('.pane .star').ariaPressed === 'true'",
    'starred there, starred here');

$c->run("[...document.querySelectorAll('.pane .bar button')].at(-1).click()");
$c->on($two);
until_true("document.querySelector('.empty')", 'away on both');
$c->on($one);
until_true("document.querySelectorAll('.toast button').length === 2",
    'one can undo it');
$c->run("document.querySelector('.toast button').click()");
$c->on($two);
until_true("document.querySelector('.list .subject')", 'back on both');

# --- a hostile mail ----------------------------------------------------------

$c->on($one);
my $hostile = join '', map { slurp($_) }
    grep { !/19-page/ } sort glob('t/sanitiser/*.html');
like($jm->send_mail($address, "From: \"<img src=x onerror=alert(1)>\" "
    . "<bad\@example.com>\nSubject: <script>alert(1)</script>\n"
    . "MIME-Version: 1.0\nContent-Type: text/html; charset=utf-8\n\n"
    . '<p id="here">hello</p>' . $hostile), qr/^250 /, 'a hostile mail');
until_true("document.querySelectorAll('.list li[data-id]').length === 2", 'arrives');
@{ $c->{$_} } = () for qw(requests scripts targets);
$c->run("document.querySelector('.list a').click()");
until_true("document.querySelector('iframe')", 'is shown');
$c->settle(1);
is(join("\n", @{ $c->{requests} }), '', 'no request to another host');
is(join("\n", map { $_->{url} } grep { $_->{url} !~ /^\Q$base\Ejs\// && $_->{url} ne '' }
    @{ $c->{scripts} }), '', 'no script but ours');
is(join("\n", @{ $c->{targets} }), '', 'no page is opened');
is($c->run("document.querySelector('.pane h2').textContent"),
    '<script>alert(1)</script>', 'its subject is text');
is($c->run("document.querySelector('iframe').getAttribute('sandbox')"),
    'allow-same-origin allow-popups allow-popups-to-escape-sandbox',
    'its frame may run nothing');
is($c->run("document.querySelector('iframe').contentDocument.scripts.length"), 0,
    'and holds no script');

my ($view) = $c->run("document.querySelector('iframe').src") =~ m{(/api/.*)};
unlike($jm->http(GET => $view)->{headers}{'content-security-policy'}, qr/img-src/,
    'not even its own images, unasked');
like($jm->http(GET => $view =~ s/\?.*//r)->{headers}{'content-security-policy'},
    qr/img-src 'self'/, 'which it has if asked');

# --- deep link, back ---------------------------------------------------------

my $hash = $c->run('location.hash');
like($hash, qr/^#m=/, 'a mail has an address');
$c->run('history.back()');
until_true("!document.querySelector('.open')", 'back leads to the list');
$c->run("location.hash = '$hash'; window.old = 1");
$c->call('Page.reload');
until_true("!window.old && document.querySelector('.pane h2')?.textContent.includes('alert')",
    'after a reload it is there again');
$c->run("location.hash = '#'");

# --- offline and back --------------------------------------------------------

until_true("document.getElementById('link').className === 'live'", 'live again');
offline(1);
until_true("document.getElementById('link').className === 'offline'",
    'offline is said');
like($jm->send_mail($address, "Subject: meanwhile\n\nx\n"), qr/^250 /,
    'a mail meanwhile');
offline(0);
until_true("document.querySelector('.list .subject').textContent === 'meanwhile'",
    'is there when one is back');
until_true("document.getElementById('link').className === 'live'", 'live');

$jm->stop_nginx;
until_true("document.getElementById('link').className === 'waiting'",
    'a server that is away is said, too');
$jm->start_nginx;
until_true("document.getElementById('link').className === 'live'",
    'and found again');

# --- keyboard ----------------------------------------------------------------

$c->run("document.getElementById('find').focus()");
my $reached;
for (1 .. 12) {
    press('Tab', 9);
    last if $reached = $c->run("!!document.activeElement.closest('.list a')");
}
ok($reached, 'Tab leads into the list');
press('Home', 36);
press('ArrowDown', 40);
press('s', 83, 's');
until_true("document.activeElement.closest('li').querySelector('.star')"
    . ".ariaPressed === 'true'", 's: a star');
press('Enter', 13, "\r");
until_true("document.activeElement.matches('.pane h2')", 'Enter opens');
$c->run('history.back()');
until_true("document.activeElement.closest('.list li')", 'back: in the list');
my $before = $c->run("document.querySelectorAll('.list li[data-id]').length");
# The event may be here before the answer; the place must not be lost by it.
$c->run('{ const now = fetch; window.fetch = async (...what) => {'
    . ' const answer = await now(...what);'
    . ' await new Promise(done => setTimeout(done, 300)); return answer; } }');
press('Delete', 46);
until_true("document.querySelectorAll('.list li[data-id]').length === $before - 1",
    'Delete: to the bin');
until_true("document.activeElement.closest('.list li')", 'the next one has the focus');
until_true("document.querySelectorAll('.toast button').length === 2",
    'which can be undone');
press('z', 90, 'z');
until_true("document.querySelectorAll('.list li[data-id]').length === $before",
    'z: and back');

# --- where WebSockets do not get through ---------------------------------------

my $script = $c->call('Page.addScriptToEvaluateOnNewDocument', { source =>
    'window.WebSocket = class { constructor() { setTimeout(() => '
    . 'this.onclose({ code: 1006 })) } close() {} }; window.bare = 1' });
$c->call('Page.reload');
until_true("window.bare && document.getElementById('link')?.className === 'live'",
    'Server-Sent Events instead of a WebSocket');
like($jm->send_mail($address, "Subject: by stream\n\nx\n"), qr/^250 /, 'a mail');
until_true("document.querySelector('.list .subject').textContent === 'by stream'",
    'arrives by them');
$c->call('Page.removeScriptToEvaluateOnNewDocument', $script);

# --- filters and search ------------------------------------------------------

$c->run("location.hash = '#q=meanwhile'");
until_true("document.querySelectorAll('.list li[data-id]').length === 1", 'search');
$c->run("location.hash = '#f=bin'");
until_true("document.querySelector('.empty')?.textContent.startsWith('The bin')",
    'an empty bin');

# --- many, and a phone -------------------------------------------------------

my $s = $jm->session;
for my $n (1 .. 70) {
    $s->cmd('MAIL FROM:<x@example.com>');
    $s->cmd("RCPT TO:<$address>");
    $s->cmd('DATA');
    $s->cmd("Subject: number $n\r\n\r\nx\r\n.");
}
screen(320, 640);
$c->run("location.hash = '#'");
until_true("document.querySelector('.list')?.textContent.includes('number 70')",
    'many');
until_true("document.querySelector('.list').scrollTop = 1e6, "
    . "document.querySelector('.list ol').style.getPropertyValue('--n') > 70",
    'the list goes on as one scrolls');
wide('inbox');
$c->run("document.querySelector('.list a').click()");
until_true("document.querySelector('.open .pane iframe')", 'a mail on a phone');
ok(!$c->run("document.querySelector('.side').offsetWidth"), 'has the whole screen');
wide('mail');
for my $view (qw(addresses account)) {
    $c->run("location.hash = '#v=$view'");
    until_true("document.querySelector('main.$view .cards li')", $view);
    wide($view);
    axe($view);
}

# --- addresses, keys, the end ------------------------------------------------

$c->run("location.hash = '#v=addresses'");
until_true("document.querySelector('[name=domain] option')", 'a domain to choose');
$c->run("document.querySelector('[name=alias]').value = 'mine';"
    . "document.querySelector('.box form').requestSubmit()");
until_true("document.querySelector('.cards').textContent.includes('mine\@junkmail.test')",
    'an address of one\'s own name');
$c->run("document.querySelector('button.stop').click()");
until_true("document.querySelector('.off')", 'is stopped');
$c->run("document.querySelector('.cards .danger').click()");
until_true("document.querySelector('dialog[open] .danger')", 'is asked about');
$c->run("document.querySelector('dialog .danger').click()");
until_true("document.querySelectorAll('.cards > li').length === 1", 'and goes');

$c->run("location.hash = '#v=account'");
until_true("document.querySelector('[name=name]')", 'keys');
$c->run("document.querySelector('[name=name]').value = 'phone';"
    . "document.querySelector('[name=name]').form.requestSubmit()");
like(until_true("document.querySelector('.secret')?.textContent", 'a key is shown'),
    qr/^jm_live_\w{71}$/, 'once');
$c->run("document.querySelector('dialog .primary').click()");
$c->run("document.querySelector('.box > .danger').click()");
until_true("document.querySelector('dialog[open] .danger')", 'the end is asked about');
$c->run("document.querySelector('dialog .danger').click()");
until_true("document.querySelector('.hero')", 'everything is gone');
is($c->run("localStorage.getItem('junkmail.key')"), undef, 'the key, too');
$c->on($two);
until_true("document.querySelector('.hero .note')", 'the other browser says so');

is(join("\n", grep { !m{^ws://127\.0\.0\.1:$jm->{http_port}/api/v1/events} }
    @{ $c->{requests} }), '', 'no request left this server');

# What a mail's own page may not have is another matter.
my $refused = sub { join "\n", map { $_->{text} }
    grep { $_->{url} !~ m{^\Q$base\Eapi/} } @{ $c->{refused} } };
is($refused->(), '', 'the policy of the page forbade nothing');
$c->run("document.body.setAttribute('style', 'color: red')");
for (1 .. 100) {
    last if $refused->();
    $c->settle(0.1);
}
like($refused->(), qr/Content Security Policy/, 'which would have told');

$jm->done;
done_testing;
