#!/usr/bin/perl

# A key that is no longer good ends its listeners, on every worker and node:
# revoked, expired, its account gone; also when nobody said so, or Redis cannot
# be asked.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Digest::SHA qw(sha256_hex);
use Test::More;
use Time::HiRes qw(sleep time);

use JunkMail::Events qw(ids);
use JunkMail::Test;

my $more  = 'junkmail_push_ping 120s;'
          . 'junkmail_push_connections_per_key 0;'
          . 'junkmail_push_connections_per_address 0;';
my $jm    = JunkMail::Test->new(junkmaild => 0, workers => 2, http => $more);
my $node  = JunkMail::Test->new(junkmaild => 0, redis => $jm->{redis},
    http => $more);
my @nodes = ($jm, $node);

my $EVENTS = '/api/v1/events';
my $redis  = $jm->{redis};
my $me     = $jm->account;
my $log    = JunkMail::Events->new($jm, $me);

my $stay = $jm->ws($EVENTS, key => $me->{key});
$stay->json;

# A key of its own with listeners of each kind on both nodes, and its record
# in Redis (a key: jm_live_, 22 of the account, 43 of its secret, checksum).
# `ms`: how long it lives from when all have come, for ever without.
sub club
{
    my ($ms, $account) = @_;

    my $made = $account // $jm->api(POST => '/keys', key => $me->{key},
        json => { name => 'k', scopes => ['emails:read'] })->{json}{data};
    my $of  = JunkMail::Events->new($jm, $made);
    my $key = "jm:{$of->{id}}:key:" . sha256_hex(substr $made->{key}, 30, 43);
    my $due;

    if ($ms) {
        $due = time + $ms / 1000;
        $redis->cmd('HSET', $key, 'expires', int($due * 1000));
    }

    my @club = map { my $n = $_;
                     map { ($n->ws($EVENTS, key => $made->{key}),
                            $n->sse($EVENTS, key => $made->{key})) } 1 .. 4;
               } @nodes;
    my @waiting = map { waiting($_, $made->{key}) } @nodes;
    is scalar(grep { ($_->json // {})->{type} eq 'hello' } @club), 16,
        'sixteen listeners';

    # The first event that all have shows them live.
    my $id = $of->add(n => 1);
    is scalar(grep { ((ids($_, 1))[0] // '') eq $id } @club), 16, 'all hear';
    ids($stay, 1) if !$account;

    return ({ %$made, record => $key, due => $due }, @club, @waiting);
}

# GET /emails/wait that has its answer to come.
sub waiting
{
    my ($n, $key) = @_;

    my $s = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
        PeerPort => $n->{http_port}) or die "connect: $!";
    print $s join "\r\n", 'GET /api/v1/emails/wait?timeout=60 HTTP/1.1',
        'Host: x', "Authorization: Bearer $key", 'Connection: close', '', '';

    return bless { socket => $s }, 'Waiting';
}

sub Waiting::ended
{
    my ($self, $left) = @_;

    IO::Select->new($self->{socket})->can_read($left) or return 0;
    sysread($self->{socket}, my $answer, 4096) or return 0;
    return $answer =~ m{^HTTP/1.1 401 };
}

sub Waiting::close { close $_[0]{socket} }

# Each ends as its kind does; when the last did.
sub all_end
{
    my ($what, @club) = @_;

    my $end = time + 120;
    my $n   = grep {
        my $left = $end - time;
        $left = 0.05 if $left < 0.05;
        $_->isa('Waiting')         ? $_->ended($left)
            : $_->isa('JunkMail::SSE') ? $_->ends($left)
            : ($_->close_code($left) // 0) == 1008;
    } @club;
    my $last = time;

    is $n, scalar @club, $what;
    $_->close for @club;

    return $last;
}

# --- revoked ---------------------------------------------------------------

my ($k, @club) = club();
my $began = time;
$node->api(DELETE => "/keys/$k->{id}", key => $me->{key});
my $last = all_end('revoked by another node', @club);
ok $last - $began < 20, 'at once';

# Nobody is told so, but the channel has to be subscribed anew.
($k, @club) = club();
$redis->cmd('DEL', $k->{record});
$redis->cmd('CLIENT', 'KILL', 'TYPE', 'pubsub');
all_end('revoked while the link was cut', @club);

# One command for all of an account's listeners on a worker.
$redis->cmd('CONFIG', 'RESETSTAT');
my @crowd = map { my $w = $node->ws($EVENTS, key => $me->{key}); $w->json; $w }
    1 .. 100;
my $id = $log->add(n => 1);
is scalar(grep { ((ids($_, 1))[0] // '') eq $id } @crowd, $stay), 101,
    'a crowd';
my $calls = sub {
    $redis->cmd('INFO', 'commandstats') =~ /^cmdstat_$_[0]:calls=(\d+)/m;
    return $1 // 0;
};
my @before = map { $calls->($_) } qw(fcall_ro xrange);
$redis->cmd('CLIENT', 'KILL', 'TYPE', 'pubsub');
$id = $log->add(n => 2);
is scalar(grep { ((ids($_, 1))[0] // '') eq $id } @crowd, $stay), 101,
    'that reads on';
my @after = map { $calls->($_) } qw(fcall_ro xrange);
cmp_ok $after[0] - $before[0], '<=', 6, 'few checks';
cmp_ok $after[1] - $before[1], '<=', 6, 'few pages';
$_->close for @crowd;

# One who joins alone asks at the handshake and for its key, and reads no more
# of the log than its end.
my $lone = $jm->account;
my $llog = JunkMail::Events->new($jm, $lone);
$llog->fill(900);
@before = map { $calls->($_) } qw(fcall_ro xrange);
my $l = $jm->ws($EVENTS, key => $lone->{key});
$l->json;
$id = $llog->add(n => 1);
is_deeply [ids($l, 1)], [$id], 'one who joins alone';
@after = map { $calls->($_) } qw(fcall_ro xrange);
cmp_ok $after[0] - $before[0], '<=', 2, 'asks once';
cmp_ok $after[1] - $before[1], '<=', 2, 'and reads little';
$l->close;

# --- expired ---------------------------------------------------------------

($k, @club) = club(6000);
$last = all_end('expired', @club);
ok $last >= $k->{due} - 0.1, 'not before its time';
ok $last <= $k->{due} + 20,  'nor long after it';

($k, @club) = club(6000);
select undef, undef, undef, $k->{due} - 2 - time if $k->{due} - 2 > time;
$redis->pause;
$last = all_end('expired while Redis hangs', @club);
ok $last <= $k->{due} + 20, 'soon';
$redis->resume;

# --- the account is deleted ------------------------------------------------

($k, @club) = club(undef, $jm->account);
$began = time;
is $node->api(DELETE => '/accounts/me', key => $k->{key})->{status}, 200,
    'an account is deleted';
$last = all_end('its listeners end', @club);
ok $last - $began < 20, 'at once';

# --- nobody said so --------------------------------------------------------

SKIP: {
    skip 'a minute, under JM_LONG', 3 if !$ENV{JM_LONG};

    ($k, @club) = club();
    $redis->cmd('DEL', $k->{record});
    my ($one, $two) = splice @club, -2; # long polls end by themselves
    all_end('asked about within a minute', @club);
}

$id = $log->add(n => 3);
is_deeply [ids($stay, 1)], [$id], 'others stay';

$node->done;
$jm->done;
done_testing;
