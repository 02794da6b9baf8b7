#!/usr/bin/perl

# The links to Redis and what depends on them: clients that leave, more
# commands than may be in flight, reload and stop with requests under way, and
# what /healthz finds.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use IO::Select;
use IO::Socket::INET;
use IO::Socket::UNIX;
use JunkMail::Test;
use Test::More;
use Time::HiRes qw(sleep time);

my $jm = JunkMail::Test->new(junkmaild => 0);
my $redis = $jm->{redis};
my $me    = $jm->account;

# A request sent; its answer is read later.
sub ask
{
    my ($path) = @_;

    my $s = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
        PeerPort => $jm->{http_port}) or die "connect: $!";
    print $s "GET $path HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
        . "Authorization: Bearer $me->{key}\r\n\r\n";
    return $s;
}

sub answer
{
    my ($s) = @_;

    local $/;
    return (<$s> // '') =~ m{^HTTP/1.1 (\d+)} ? $1 : 0;
}

sub works
{
    my ($name) = @_;

    ok($jm->eventually(sub { answer(ask('/api/v1/server/domains')) == 200 }),
        $name);
}

# --- clients that leave -----------------------------------------------------

$redis->pause;
my @gone = map { ask($_ % 2 ? '/api/v1/accounts/me' : '/healthz') } 1 .. 50;
sleep 0.3;
close $_ for @gone;
sleep 0.3;
$redis->resume;
works('fifty clients left before their answers came');

# --- too many in flight -----------------------------------------------------

$redis->pause;
my $start = time();
my @many  = map { ask('/api/v1/server/domains') } 1 .. 1100;
my @early;
$jm->eventually(sub {
    @early = IO::Select->new(@many)->can_read(0.5);
    return @early >= 76;
});
cmp_ok(scalar @early, '>=', 76, 'beyond 1,024 commands 503 at once');
is(answer($early[0]), 503, 'that is what they get');
$redis->resume;
my $took = time() - $start; # a command has five seconds
my %got;
my %read = map { $_ => 1 } $early[0];
$got{ answer($_) }++ for grep { !$read{$_} } @many;
is($got{200}, 1024, 'the others are answered') if $took < 4;
@many = ();

# --- the link is cut under way ----------------------------------------------

for my $round (1 .. 3) {
    $redis->pause;
    my @asked = map { ask('/api/v1/server/domains') } 1 .. 20;
    sleep 0.2;
    $redis->kill9;

    # kill9() has to wake it first, so it may answer some.
    is(scalar(grep { my $got = answer($_); $got == 503 || $got == 200 } @asked),
        20, 'Redis is killed: all who waited are told');
    $redis->start;
    works('and back');
}

# --- reload and stop --------------------------------------------------------

my ($old) = $jm->nginx_workers;
$redis->pause;
my @asked = map { ask('/api/v1/server/domains') } 1 .. 20;
sleep 0.2;
$jm->reload_nginx;
sleep 0.5;
ok(kill(0, $old), 'the old worker waits for what it has asked');
$redis->resume;
is(join(' ', map { answer($_) } @asked), join(' ', (200) x 20),
    'and answers it');
ok($jm->eventually(sub { !grep { $_ == $old } $jm->nginx_workers }),
    'then it leaves');
works('the new one works');

for (1 .. 3) {
    $jm->reload_nginx;
    sleep 0.1;
    is(answer(ask('/api/v1/server/domains')), 200, 'a request at a reload');
}

# --- healthz ----------------------------------------------------------------

my $r = $jm->http(GET => '/healthz');
is("$r->{status} $r->{json}{failed}", '503 backend', 'no backend');

for my $case (
    ["220 mail LMTP\r\n", 200, 'ok'], ["421 no workers\r\n", 503, 'backend'],
    ['220', 503, 'backend'], ['', 503, 'backend'],
    ) {
    my ($greeting, $status, $what) = @$case;
    unlink $jm->lmtp_socket;
    my $listen = IO::Socket::UNIX->new(Local => $jm->lmtp_socket, Listen => 5)
        or die "listen: $!";
    chmod 0777, $jm->lmtp_socket;
    my $pid = fork();
    if ($pid == 0) {
        my $s = $listen->accept;
        syswrite $s, $greeting;
        sysread $s, my $quit, 100;
        POSIX::_exit($quit eq "QUIT\r\n" ? 0 : 1);
    }
    $r = $jm->http(GET => '/healthz');
    is("$r->{status} " . ($r->{json}{failed} // $r->{json}{status}),
        "$status $what", 'a backend that says ' . ($greeting || 'nothing'));
    waitpid($pid, 0);
    is($?, 0, 'told QUIT') if $status == 200;
}
is($jm->http(POST => '/healthz')->{status}, 405, 'POST /healthz');

$redis->cmd('FUNCTION', 'FLUSH');
is($jm->http(GET => '/healthz')->{json}{failed}, 'redis', 'no library');
is($jm->api(GET => '/accounts/me', key => $me->{key})->{status}, 503,
    'and 503 for the API');
$redis->load;

# Stopped with a request under way that will never be answered.
$redis->pause;
my $last = ask('/api/v1/server/domains');
sleep 0.2;
$start = time();
is($jm->stop_nginx, 0, 'nginx stops in order');
ok(time() - $start < 18, 'and does not wait for the shutdown timeout');
is(answer($last), 503, 'the request is told');
$redis->resume;

$jm->done;
done_testing;
