# The web inbox while mail pours in and one selects, deletes, undoes, stars, searches
# and reads, goes back and reloads: at the end it shows what the server has.

use strict;
use warnings;

use lib 't/lib';
use JSON::PP;
use JunkMail::Inbox;
use Test::More;

my ($jm, $c, $base) = JunkMail::Inbox->start;
my $me = $jm->account;
my %key = (key => $me->{key});
my $address = $jm->address($me)->{address};
my $s = $jm->session;
my $sent = 0;
mail(150);

$c->open($base);
until_true("document.querySelector('[name=key]')", 'a page');
$c->run("const i = document.querySelector('[name=key]'); i.value = '$me->{key}';"
    . 'i.form.requestSubmit()');
until_true("window.list?.querySelector('li') && document.getElementById('link')"
    . ".className === 'live'", 'signed in');

# What a hasty hand does, if it can just now.
my @does = (
    map("document.querySelectorAll('.list .star')[$_]?.click()", 0, 3),
    map("document.querySelectorAll('.list .pick input')[$_]?.click()", 1, 2, 4),
    "document.querySelector('.bulk button:last-child')?.click()",
    "document.querySelector('.toast button')?.click()",
    "document.querySelector('.list .pick input')?.click()",
    "document.querySelector('.bulk button:last-child')?.click()",
    "location.hash = 'q=1'",
    "document.querySelectorAll('.list .pick input')[5]?.click()",
    "document.querySelector('.bulk button:last-child')?.click()",
    "list.scrollTop = 1e6",
    "history.back()",
    "document.querySelectorAll('.list li a')[3]?.click()",
    "document.querySelector('.pane .star')?.click()",
    "location.reload()",
    "document.querySelector('.pane .bar button:last-child')?.click()",
    "document.querySelector('.toast button')?.click()",
    "location.hash = 'f=bin'",
    "document.querySelector('.list .pick input')?.click()",
    "document.querySelector('.bulk button')?.click()",
    "location.hash = 'f=unread'",
    "location.hash = 'v=account'",
    "history.go(-2)",
    "history.forward()",
    "location.hash = '#'",
);
for my $script (@does) {
    mail(3);
    eval { $c->run("$script; 1") };
    $c->settle(0.05);
}

# An answer that crosses what happens is older than what is shown.  The list is held
# back on its way, a mail goes elsewhere, and then it comes.
$c->call('Page.addScriptToEvaluateOnNewDocument', { source => <<'JS' });
const real = fetch;
window.fetch = async (url, how) => {
  const answer = await real(url, how);
  if (window.hold && /emails\?/.test(url)) {
    window.held = true;
    await hold;
  }
  return answer;
};
JS
$c->run("location.hash = 'q=number'; location.reload()");
until_true("document.querySelector('.list .subject')?.textContent === 'number $sent'"
    . " && document.getElementById('link').className === 'live'", 'a search');
$c->run('hold = new Promise(done => { window.release = done; }); 1');
mail(1);
until_true('window.held', 'its answer is held back');
my $gone = $jm->api(GET => '/emails?limit=4', %key)->{json}{data}[3]{id};
my $row = "document.querySelector(`[data-id='$gone']`)";
$jm->api(DELETE => "/emails/$gone", %key);
until_true("!$row", 'a mail goes meanwhile');
$c->run('release(); hold = null; 1');
until_true("document.querySelector('.list .subject').textContent === 'number $sent'"
    . " && !$row", 'and does not come back');
pass("$sent mails");

for my $view ('', 'f=bin', 'f=starred', 'f=unread', 'q=19') {
    $c->run("location.hash = '$view'; 1");
    my ($q) = $view =~ /q=(\d+)/;
    my $ask = $q ? "&q=$q" : $view =~ /f=(\w+)/
        ? '&' . ($1 eq 'bin' ? 'is_deleted' : $1) . '=true' : '';
    my $r = $jm->api(GET => "/emails?fields=summary&limit=5$ask", %key)->{json};
    my $want = join '; ', map { join ' ', $_->{subject}, $r->{total},
        $_->{isRead} ? 'read' : 'new', $_->{isStarred} ? 'star' : '-' } @{ $r->{data} };
    until_true("[...(window.list?.querySelectorAll('li') ?? [])].slice(0, 5).map(e => ["
        . "e.querySelector('.subject').textContent, e.ariaSetSize,"
        . " e.className === 'unread' ? 'new' : 'read',"
        . " e.querySelector('.star').ariaPressed === 'true' ? 'star' : '-'].join(' '))"
        . ".join('; ') === '$want'", "#$view is what the server has", 30)
        or diag($c->run('list.innerText'));
}

$jm->done;
done_testing;


sub mail
{
    for (1 .. $_[0]) {
        $sent++;
        $s->cmd('MAIL FROM:<x@example.com>');
        $s->cmd("RCPT TO:<$address>");
        $s->cmd('DATA');
        $s->cmd("Subject: number $sent\r\n\r\nx\r\n.");
    }
}
