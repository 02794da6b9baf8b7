# The web inbox with thousands of mails: all can be reached, few are drawn, a scroll is
# drawn at once, and no row moves under the hand when mail comes.

use strict;
use warnings;

use lib 't/lib';
use JSON::PP;
use JunkMail::Inbox;
use Test::More;

my $MANY = 3000;
my $EACH = 50;          # addresses of a mail: as many mails

my ($jm, $c, $base) = JunkMail::Inbox->start(http => 'junkmail_quota_emails 6000;');
my $me = $jm->account;
my @to = map { $jm->api(POST => '/addresses', key => $me->{key}, json => {})
    ->{json}{data}{address} } 1 .. $EACH;

my $s = $jm->session;
for my $n (1 .. $MANY / $EACH) {
    $s->cmd('MAIL FROM:<x@example.com>');
    $s->cmd("RCPT TO:<$_>") for @to;
    $s->cmd('DATA');
    $s->cmd("Subject: number $n\r\n\r\nx\r\n.");
}
is($jm->api(GET => '/emails?limit=1', key => $me->{key})->{json}{total}, $MANY,
    "$MANY mails");

screen(1000, 800);
$c->open($base);
until_true("document.querySelector('[name=key]')", 'a page');
$c->run("const i = document.querySelector('[name=key]'); i.value = '$me->{key}';"
    . 'i.form.requestSubmit()');
until_true("document.querySelectorAll('.list li').length > 5"
    . " && document.getElementById('link').className === 'live'", 'signed in');

# --- to the end and back -----------------------------------------------------

$c->{timeout} = 600;
my $said = $c->run(<<'JS');
(async () => {
  const list = document.getElementById('list'), ol = list.firstChild;
  const long = [], times = [], n = () => Number(ol.style.getPropertyValue('--n'));
  let rows = 0, blank = 0;
  new PerformanceObserver(l => long.push(...l.getEntries().map(e => e.duration)))
    .observe({ type: 'longtask' });
  for (let still = 0; n() < 3000 && still < 12000;) {
    const before = n(), start = performance.now();
    list.scrollTop += 3 * list.clientHeight;
    list.dispatchEvent(new Event('scroll'));
    times.push(performance.now() - start);
    rows = Math.max(rows, ol.children.length);
    const box = list.getBoundingClientRect();
    blank += !document.elementFromPoint(box.left + 100, box.top + 100)
      .closest('li, .foot');
    await new Promise(done => setTimeout(done, 5));
    still = n() > before ? 0 : still + 1;
  }
  return { n: n(), rows, blank, best: Math.min(...times.slice(-20)),
    worst: Math.max(...times), long: Math.max(0, ...long) };
})()
JS
is($said->{n}, $MANY, 'one scrolls to the last');
cmp_ok($said->{rows}, '<', 60, 'few rows are there at a time');
is($said->{blank}, 0, 'and those that are seen always are');
# The best of the last ones: the others say how busy the machine is.
cmp_ok($said->{best}, '<', 150, 'a scroll is drawn at once');
note(sprintf('a screen: %.1f ms, at worst %.1f ms; longest task %.0f ms',
    @$said{qw(best worst long)}));
until_true("list.scrollTop = 1e9, document.querySelector('.list li:last-child"
    . " .subject').textContent === 'number 1'", 'the oldest is there');

# --- nothing moves under the hand --------------------------------------------

# Any shift at all, since the last time it was asked for.
$c->run(q{window.shift = 0; new PerformanceObserver(l => l.getEntries().forEach(
    e => { shift += e.value; })).observe({ type: 'layout-shift' }); 1});

# Which row is seen in the middle, and where.
my $look = q{(() => {
    const b = list.getBoundingClientRect();
    const li = document.elementFromPoint(b.left + 100, b.top + 200).closest('li');
    return li.dataset.id + ' ' + Math.round(li.getBoundingClientRect().top); })()};

$c->run('list.scrollTop = 100000');
my $seen = '';
for (1 .. 200) {
    $c->settle(0.3);
    last if $seen eq $c->run($look);
    $seen = $c->run($look);
}
like($jm->send_mail($to[0], "Subject: above\n\nx\n"), qr/^250 /, 'a mail');
until_true("document.querySelector('.pill').textContent === 'New messages: 1'"
    . " && document.querySelector('.pill').offsetHeight",
    'in a scrolled list it waits above');
is($c->run($look), $seen, 'and moves no row');
$c->run("document.querySelector('.pill').click()");
until_true("list.scrollTop === 0 && document.activeElement.textContent"
    . ".includes('above')", 'a click leads there');
until_true("!document.querySelector('.pill').offsetHeight", 'it waits no more');

my ($x, $y) = @{ $c->run("(() => { const b = list.getBoundingClientRect();"
    . 'return [b.left + 100, b.top + 200]; })()') };
my $move = sub {
    $c->call('Input.dispatchMouseEvent',
        { type => 'mouseMoved', x => $x + ($_[0] % 2), y => $y });
};
$move->(0);
$seen = $c->run($look);
like($jm->send_mail($to[0], "Subject: held\n\nx\n"), qr/^250 /, 'a mail');
for (1 .. 300) {
    $move->($_);
    last if $c->run("document.querySelector('.pill').offsetHeight");
    $c->settle(0.1);
}
ok($c->run("document.querySelector('.pill').offsetHeight"),
    'under a hand that moves it waits');
is($c->run($look), $seen, 'and moves no row');
until_true("list.scrollTop === 0 && document.querySelector('.list .subject')"
    . ".textContent === 'held'", 'after a rest it is seen');

is($c->run('shift'), 0, 'the layout has not shifted at all');

$jm->done;
done_testing;
