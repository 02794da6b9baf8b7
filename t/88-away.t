# The web inbox while what is behind it is away: Redis, junkmaild and nginx end and
# come back, a server that never answers, an account that is full, a browser that
# keeps nothing more; in every language.

use strict;
use warnings;

use lib 't/lib';
use Encode qw(decode_utf8);
use JunkMail::Inbox;
use Test::More;

my ($jm, $c, $base) = JunkMail::Inbox->start(http => 'junkmail_quota_emails 5;',
    allow => qr/redis|connect\(\)|shutting down/i);
my $me = $jm->account;
my %key = (key => $me->{key});
my $one = $jm->address($me, alias => 'one');
like($jm->send_mail($one->{address}, "Subject: number $_\n\nx\n"), qr/^250/, "mail $_")
    for 1 .. 4;

my %word;
for my $lang (qw(en de fr es)) {
    $word{$lang} = { decode_utf8(slurp("conf/html/lang/$lang.js"))
        =~ /^  '(.+?)': '(.+)',$/mg };
}
my ($away, $unreached, $full) = @{ $word{en} }{map { "error $_" }
    qw(STORE_UNAVAILABLE NETWORK QUOTA_EXCEEDED)};

# --- a browser that keeps nothing more -------------------------------------------

for my $how ('null', "new Proxy({}, { set() { throw new DOMException('full'); } })")
{
    my $none = $c->call('Page.addScriptToEvaluateOnNewDocument', { source =>
        "Object.defineProperty(window, 'localStorage', { value: $how });" });
    sign_in();
    $c->call('Page.removeScriptToEvaluateOnNewDocument', $none);
}

# --- the store is away -----------------------------------------------------------

# A server that does not answer is given up after 2 s instead of 20, and all but
# the toasts is in a hurry.
$c->call('Page.addScriptToEvaluateOnNewDocument', { source => <<'JS' });
const limit = AbortSignal.timeout, later = setTimeout;
AbortSignal.timeout = ms => limit.call(AbortSignal, ms / 10);
window.setTimeout = (work, ms) =>
  later(work, ms > 900 && ms !== 7000 ? ms / 5 : ms);
JS
sign_in();
$jm->{redis}->kill9;
$c->run("document.querySelector('.list .star').click()");
toast($away, 'Redis is away: a star');
until_true("document.querySelector('.list .star').ariaPressed === 'false'",
    'is taken back');
$c->run("location.hash = 'f=unread'");
trouble('.list', $away, 'a list');
$c->run("location.hash = 'v=account'");
trouble('main.account', $away, 'the account');
$c->run("location.hash = 'v=addresses'");
$c->run("document.querySelector('[name=alias]').form.requestSubmit()");
toast($away, 'a new address');

# In every language, from the start.
for my $lang (qw(de fr es)) {
    $c->call('Emulation.setUserAgentOverride',
        { userAgent => 'x', acceptLanguage => $lang });
    $c->open("$base?$lang");
    trouble('.list', $word{$lang}{'error STORE_UNAVAILABLE'}, "in $lang");
}
$c->call('Emulation.setUserAgentOverride', { userAgent => 'x', acceptLanguage => 'en' });
$c->open("$base?#v=addresses");
until_true("document.querySelector('main.addresses')", 'the addresses');
$jm->{redis}->start;
until_true("document.querySelector('.cards .address')", 'come with Redis', 40);
until_true("document.querySelector('[name=domain] option')", 'and the domains', 40);
$c->run("location.hash = '#'");
until_true("document.querySelectorAll('.list .subject').length === 4"
    . " && document.querySelector('.card .address')", 'and the list', 40);
until_true("document.getElementById('link').className === 'live'", 'and push', 40);

# --- junkmaild is away, the account is full ----------------------------------------

$jm->stop_junkmaild;
like($jm->send_mail($one->{address}, "Subject: number 5\n\nx\n"), qr/^4/,
    'without junkmaild a sender tries again');
$jm->start_junkmaild;
like($jm->send_mail($one->{address}, "Subject: number 5\n\nx\n"), qr/^250/, 'then');
until_true("document.querySelector('.list .subject')?.textContent === 'number 5'",
    'it is there');
like($jm->send_mail($one->{address}, "Subject: number 6\n\nx\n"), qr/^452 4\.2\.2/,
    'the next is one too many');
until_true("document.querySelector('.card').textContent.includes('$full')",
    'which the page says');

# --- nginx -------------------------------------------------------------------------

$jm->stop_nginx;
until_true("document.getElementById('link').className === 'waiting'", 'nginx ends');
$c->run("document.querySelector('.list a').click()");
trouble('.pane', $unreached, 'a mail');
$jm->start_nginx;
until_true("document.getElementById('link').className === 'live'", 'nginx is back', 40);
$c->run("document.querySelector('.pane [role=alert] + button').click()");
until_true("document.querySelector('iframe')", 'the mail, too');
$c->run("location.hash = '#'");

# It answers nothing.
my @workers = $jm->nginx_workers;
kill STOP => @workers;
$c->run("document.querySelector('.list li:last-child a').click()");
trouble('.pane', $unreached, 'nginx hangs: a mail');
$c->run("location.hash = 'f=starred'");
trouble('.list', $unreached, 'a list');
$c->run("location.hash = 'v=account'");
trouble('main.account', $unreached, 'the account');
kill CONT => @workers;
# The page's own next try may have been answered first.
$c->run("document.querySelector('main.account [role=alert] + button')?.click()");
until_true("document.querySelector('.usage meter')", 'which comes');

$jm->done;
done_testing;


sub sign_in
{
    $c->open($base);
    until_true("document.querySelector('[name=key]')", 'a page');
    $c->run("const i = document.querySelector('[name=key]'); i.value = '$me->{key}';"
        . 'i.form.requestSubmit()');
    until_true("window.list?.querySelector('li')"
        . " && document.getElementById('link').className === 'live'", 'signed in');
}

sub toast
{
    my ($words, $name) = @_;

    until_true("document.querySelector('.toast span')?.textContent"
        . " === '$words'", "$name: said");
    $c->run("document.querySelector('.toast .quiet').click()");
}

sub trouble
{
    my ($where, $words, $name) = @_;

    until_true("document.querySelector('$where [role=alert]')?.textContent"
        . " === '$words' && document.querySelector('$where [role=alert] + button')",
        "$name: said, and asked for again");
}
