#!/usr/bin/perl

# GET /emails/wait, the long poll: what is there already, what comes while it
# waits, filters, the end of a wait, and everything that may go wrong meanwhile.

use strict;
use utf8;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use JSON::PP;
use JunkMail::Events;
use JunkMail::Test;
use Test::More;
use Time::HiRes qw(sleep time);

my $jm   = JunkMail::Test->new(workers => 2,
    http => 'location = /metrics { junkmail_metrics; }');
my $me   = $jm->account;
my $home = $jm->address($me, alias => 'home');
my $side = $jm->address($me, alias => 'side');

sub mail
{
    my ($to, $subject, $from) = @_;
    $from //= 'Ada <ada@example.net>';
    utf8::encode(my $message = "From: $from\nSubject: $subject\n\nHello\n");
    like($jm->send_mail("$to\@junkmail.test", $message), qr/^250/,
        "mail: $subject");
}

# Begins to wait in another process; the handle gives the answer.
sub begin_wait
{
    my ($query, %opt) = @_;

    pipe(my $in, my $out) or die;
    my $pid = fork() // die;
    if (!$pid) {
        my $from = time();
        my $r = $jm->api(GET => "/emails/wait?$query",
            key => $opt{key} // $me->{key}, timeout => 90);
        print $out encode_json([$r->{status}, $r->{json}, time() - $from]);
        close $out;
        kill KILL => $$;
    }
    close $out;
    return [$in, $pid];
}

sub end_wait
{
    my ($wait) = @_;
    my $in = $wait->[0];
    my $text = <$in>;
    waitpid $wait->[1], 0;
    my ($status, $json, $took) = @{ decode_json($text) };
    return ($status, $json && $json->{data}, $took, $json);
}

# All who wait have been let in: they hold a place.
sub settled
{
    my ($n) = @_;

    my $places = 'junkmail_push_connections{kind="wait"} ' . ($n // 1);
    $jm->eventually(sub {
        $jm->http(GET => '/metrics')->{body} =~ /^\Q$places\E$/m;
    }) or die "not $places\n";
}

# --- what comes -------------------------------------------------------------

my $wait = begin_wait('timeout=60');
settled();
mail(home => 'First');
my ($status, $email, $took) = end_wait($wait);
is($status, 200, 'an email comes');
is($email->{subject}, 'First', 'this one');
is($email->{bodyText}, "Hello\n", 'in full');
cmp_ok($took, '<', 40, 'at once');
my $first = $email->{id};

$wait = begin_wait("timeout=60&address_id=$side->{id}");
settled();
mail(home => 'Not this');
mail(side => 'Side');
(undef, $email) = end_wait($wait);
is($email->{subject}, 'Side', 'of one address');

$wait = begin_wait('timeout=60&from=GRACE&subject=code');
settled();
mail(home => 'Your code');
mail(home => 'Nothing', 'Grace <grace@example.net>');
mail(home => 'Your Cödé', 'Gräce <g@example.net>');
(undef, $email) = end_wait($wait);
is($email->{subject}, 'Your Cödé', 'by sender and subject, folded');

$wait = begin_wait('timeout=60&from=hopper@');
settled();
mail(home => 'Mail', 'Grace <hopper@example.net>');
(undef, $email) = end_wait($wait);
is($email->{from}, 'hopper@example.net', 'by the sender\'s address');

# One that is removed before it could be fetched is as if it had never come;
# what was read with it still counts.
$wait = begin_wait('timeout=60');
settled();
JunkMail::Events->new($jm, $me)->add(quiet => 1,
    id => '0194b3a0-0000-7000-8000-000000000000');
mail(home => 'Still here');
($status, $email) = end_wait($wait);
is("$status $email->{subject}", '200 Still here', 'what is gone is not told');

# --- what is there ----------------------------------------------------------

my @all = reverse map { $_->{subject} } @{ $jm->api(GET =>
    '/emails?fields=summary', key => $me->{key})->{json}{data} };
(undef, $email) = end_wait(begin_wait("after=$first"));
is($email->{subject}, $all[1], 'the next after an email');
(undef, $email) = end_wait(begin_wait("after=$first&subject=side"));
is($email->{subject}, 'Side', 'the next that fits');
($status, undef, $took) = end_wait(begin_wait(
    "after=$first&subject=nowhere&timeout=1"));
is($status, 204, 'none that fits');
cmp_ok($took, '>=', 0.9, 'after the time-out');
($status) = end_wait(begin_wait('timeout=1'));
is($status, 204, 'what was there before does not count');

# --- refusals ---------------------------------------------------------------

for my $bad ('timeout=0', 'timeout=x', 'timeout=-1', 'timeout=1e9', 'timeout=',
         'timeout=x&timeout=1', 'after=x', 'from=%ff', 'subject=%00') {
    my ($field) = $bad =~ /^(\w+)/;
    my $r = $jm->api(GET => "/emails/wait?$bad", key => $me->{key});
    is("$r->{status} " . ($r->{json}{field} // ''), "422 $field", $bad);
}
is($jm->api(GET => '/emails/wait')->{status}, 401, 'without a key');
is($jm->api(GET => '/emails/wait?address_id=x', key => $me->{key})->{status},
    404, 'no such address');
my $writer = $jm->api(POST => '/keys', key => $me->{key},
    json => { name => 'w', scopes => ['emails:write'] })->{json}{data}{key};
is($jm->api(GET => '/emails/wait', key => $writer)->{status}, 403,
    'without the scope');

# --- places -----------------------------------------------------------------

my @waits = map { begin_wait('timeout=60') } 1 .. 10;
settled(10);
my $r = $jm->api(GET => '/emails/wait?timeout=1', key => $me->{key});
is($r->{status}, 429, 'the eleventh of a key');
ok($r->{headers}{'retry-after'}, 'Retry-After');
mail(home => 'For all');
is((grep { (end_wait($_))[1]{subject} eq 'For all' } @waits), 10,
    'all ten are told');
is($jm->api(GET => '/emails/wait?timeout=1', key => $me->{key})->{status},
    204, 'and there is room again');

# Clients who go give their places back.
for (1 .. 20) {
    my $s = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
        PeerPort => $jm->{http_port}) or die;
    print $s "GET /api/v1/emails/wait?timeout=60 HTTP/1.1\r\nHost: x\r\n"
        . "Authorization: Bearer $me->{key}\r\n\r\n";
    sleep 0.05;
    close $s;
}
ok($jm->eventually(sub {
    $jm->api(GET => '/emails/wait?timeout=1', key => $me->{key})->{status}
        == 204;
}), 'places of those who left');

# --- faults -----------------------------------------------------------------

$wait = begin_wait('timeout=60');
settled();
$jm->{redis}->kill9;
sleep 0.5;
$jm->{redis}->start;
ok($jm->eventually(sub {
    $jm->send_mail('home@junkmail.test', "Subject: Afterwards\n\n") =~ /^250/;
}), 'Redis has been away');
($status, $email) = end_wait($wait);
is("$status $email->{subject}", '200 Afterwards', 'the wait outlived it');

my $made = $jm->api(POST => '/keys', key => $me->{key},
    json => { name => 'r', scopes => ['emails:read'] })->{json}{data};
$wait = begin_wait('timeout=60', key => $made->{key});
settled();
$jm->api(DELETE => "/keys/$made->{id}", key => $me->{key});
($status, undef, $took) = end_wait($wait);
is($status, 401, 'a key that is revoked');
cmp_ok($took, '<', 40, 'at once');

$wait = begin_wait('timeout=60');
settled();
$jm->reload_nginx;
($status, undef, $took) = end_wait($wait);
is($status, 204, 'a reload');
cmp_ok($took, '<', 40, 'at once');

$jm->done;
done_testing;
