# The web inbox and what is done elsewhere: links to what is not there, things that
# go on another device while they are shown, two tabs of one browser, and changes
# of older rows when there is no push.

use strict;
use warnings;

use lib 't/lib';
use JSON::PP;
use JunkMail::Inbox;
use Test::More;

my ($jm, $c, $base) = JunkMail::Inbox->start;
my $me = $jm->account;
my %key = (key => $me->{key});
my ($one, $two) = map { $jm->address($me, alias => $_) } qw(one two);

my $s = $jm->session;
sub mail
{
    my ($to, $subject) = @_;

    $s->cmd('MAIL FROM:<x@example.com>');
    $s->cmd("RCPT TO:<$to\@junkmail.test>");
    $s->cmd('DATA');
    $s->cmd("Subject: $subject\r\n\r\nx\r\n.");
}
mail('two', 'of two');
mail('one', "number $_") for 1 .. 220;

# Ids by subject.
my %id;
for (my $after = ''; defined $after;) {
    my $some = $jm->api(GET => "/emails?fields=summary&limit=100&after=$after", %key)
        ->{json}{data};
    $id{ $_->{subject} } = $_->{id} for @$some;
    $after = @$some ? $some->[-1]{id} : undef;
}

sign_in();

# --- links to what is not there ------------------------------------------------

my $nobody = '0190a0b0-0000-7000-8000-000000000000';
my $other = $jm->account;
my $theirs = $jm->address($other)->{id};
my $list = "document.querySelector('.list .subject')?.textContent === 'number 220'";

for my $m ('wait', '.', '..', '%00%ff', '%E0%A4%A', 'x/source', $nobody) {
    see("m=$m", "document.querySelector('.pane [role=alert]')?.textContent"
        . ".startsWith('It is not there') && $list");
}
for my $a ('garbage', $nobody, $theirs) {
    see("a=$a", "document.getElementById('toast').textContent.startsWith("
        . "'It is not there') && !location.hash && $list");
    $c->run("document.querySelector('.toast .quiet').click()");
}
see('f=garbage', "$list && document.querySelector('.filters [aria-current]')"
    . ".textContent === 'All'");
see('v=constructor', $list);
see("m=$id{'number 7'}&s=constructor", "document.querySelector('iframe')");
see('%', $list);

# --- what goes while it is shown -----------------------------------------------

see("m=$id{'number 8'}", "document.querySelector('.pane h2')?.textContent === 'number 8'");
$jm->api(DELETE => "/emails/$id{'number 8'}?permanent=true", %key);
until_true("document.querySelector('.pane [role=alert]')?.textContent"
    . ".startsWith('It is not there')", 'a mail that is read is deleted');

see("a=$two->{id}&m=$id{'of two'}",
    "document.querySelector('.pane h2')?.textContent === 'of two'");
$jm->api(DELETE => "/addresses/$two->{id}", %key);
until_true("document.querySelector('.pane [role=alert]')?.textContent"
    . ".startsWith('It is not there')", 'with its address');
until_true("$list && document.querySelector('.card .address').textContent"
    . " === '$one->{address}'", 'all others are shown instead');
see('', $list);

# --- undone far down -----------------------------------------------------------

my $third = "[...document.querySelectorAll('.list li')].find(e =>"
    . " e.dataset.id === '$id{'number 3'}')";
until_true("list.scrollTop = 1e6, $third", 'far down');
$c->run("$third.querySelector('.pick input').click()");
until_true("document.querySelector('.bulk .room')", 'one is chosen');
$c->run("document.querySelector('.bulk button:last-child').click()");
until_true("document.querySelector('.toast')?.textContent.startsWith('In the bin: 1')"
    . " && !$third", 'and deleted');
my $place = $c->run('list.scrollTop');
$c->run("document.querySelector('.toast button').click()");
until_true($third, 'is back where it was');
until_true("document.querySelector('.toast')?.textContent.startsWith('Restored: 1')",
    'and said to be');
is($c->run("!!$third && list.scrollTop"), $place, 'and nothing has moved');

# Which the server has heard.
is($jm->api(GET => "/emails/$id{'number 3'}", %key)->{json}{data}{isDeleted} ? 1 : 0,
    0, 'the server has it, too');

# --- a dialog, and the key that goes -------------------------------------------

my $short = $jm->api(POST => '/keys', %key, json => { name => 'short',
    scopes => [qw(emails:read emails:write keys:manage)] })->{json}{data};
$c->run("localStorage['junkmail.key'] = '$short->{key}'; location.reload()");
until_true("window.list && $list && document.getElementById('link').className === 'live'",
    'with another key');
see('v=addresses', "document.querySelector('.cards .danger')");
$c->run("document.querySelector('.cards .danger').click()");
until_true("document.querySelector('dialog[open]')", 'a question');
$jm->api(DELETE => "/keys/$short->{id}", %key);
until_true("document.querySelector('.hero [role=alert]')?.textContent.startsWith("
    . "'Your key no longer works') && !document.querySelector('dialog')",
    'a key is revoked elsewhere: nothing of it is left');

# --- two tabs ------------------------------------------------------------------

sign_in();
my $first = $c->{session};
my $tab = $c->call('Target.createTarget', { url => $base });
$c->watch($tab->{targetId});
until_true($list, 'another tab is in');
see('v=account', "document.querySelector('main.account meter')");
$c->run("[...document.querySelectorAll('button')].find(b =>"
    . " b.textContent === 'Sign out').click()");
until_true("document.querySelector('dialog .danger')", 'signing out');
$c->run("document.querySelector('dialog .danger').click()");
until_true("document.querySelector('.hero')", 'is done');
$c->on($first);
until_true("document.querySelector('.hero') && !document.querySelector('.list')",
    'in both tabs');
$c->call('Target.closeTarget', $tab);

# --- no push -------------------------------------------------------------------

$c->call('Page.addScriptToEvaluateOnNewDocument', { source => <<'JS' });
window.WebSocket = class {
  constructor() { setTimeout(() => this.onclose({ code: 1006 })); }
  close() { }
};
const timer = setTimeout, real = fetch;
window.setTimeout = (work, ms) => timer(work, ms > 900 ? ms / 10 : ms);
window.fetch = async (url, how) =>
  /events/.test(url) ? new Response('', { status: 403 }) : real(url, how);
JS
sign_in();
until_true("document.getElementById('link').className === 'polling'", 'polling');
until_true("list.scrollTop = 1e6, $third", 'far down');
$jm->api(PATCH => "/emails/$id{'number 3'}", %key, json => { isStarred => \1 });
$jm->api(DELETE => "/emails/$id{'number 2'}?permanent=true", %key);
until_true("$third.querySelector('.star').ariaPressed === 'true'",
    'a star given elsewhere is seen');
until_true("!document.querySelector(`[data-id='$id{'number 2'}']`)", 'a mail goes');
is($jm->api(DELETE => '/accounts/me', %key)->{status}, 200, 'the account goes');
until_true("document.querySelector('.hero [role=alert]')?.textContent.startsWith("
    . "'Your key no longer works')", 'which is said');

$jm->done;
done_testing;


sub sign_in
{
    $c->open($base);
    until_true("document.querySelector('[name=key]')", 'a page');
    $c->run("const i = document.querySelector('[name=key]'); i.value = '$me->{key}';"
        . 'i.form.requestSubmit()');
    until_true("window.list?.querySelector('li')", 'signed in');
}

# Goes there, and sees that.
sub see
{
    my ($hash, $what) = @_;

    $c->run("location.hash = '$hash'; 1");
    until_true($what, "#$hash");
}
