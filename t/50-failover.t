#!/usr/bin/perl

# Redis fails over: a replica takes over, with all that the old one had, or
# without its last second.  Who listens goes on where its place is still in the
# log, and is told to read the list again (`reset`, once) where it is not.
#
# What nginx knows is one path; it leads to whichever server is the master.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use File::Copy qw(copy);
use File::Temp qw(tempdir);
use Test::More;
use Time::HiRes qw(sleep time);

use JunkMail::Events qw(drain ids);
use JunkMail::Redis;
use JunkMail::Test;

my $EVENTS = '/api/v1/events';
my $top    = tempdir('jm-XXXXXX', TMPDIR => 1, CLEANUP => 1);
my $path   = "$top/redis.sock";
chmod 0755, $top;

# A server of its own directory; with `of`, a replica of that one.
my $servers = 0;

sub server
{
    my ($of) = @_;

    my $dir  = "$top/" . ++$servers;
    my $port = JunkMail::Test->free_port;
    my @opt  = ('--port', $port, '--bind', '127.0.0.1',
                '--repl-diskless-sync-delay', 0);

    mkdir $dir or die "$dir: $!";
    if ($of) {
        copy($_, $dir) or die "$_: $!" for glob "$of->{dir}/*.password";
        push @opt, '--replicaof', "127.0.0.1 $of->{port}", '--masteruser',
            'test', '--masterauth', $of->password('test');
    }

    my $r = JunkMail::Redis->new(dir => $dir, options => \@opt, load => !$of);
    $r->{port} = $port;
    return $r;
}

sub lead_to
{
    my ($r) = @_;

    unlink $path;
    symlink $r->socket, $path or die "symlink: $!";
    delete $_[1]{client} if $_[1];
}

# All that the master has is on the replica.
sub in_step
{
    my ($master) = @_;
    is $master->cmd('WAIT', 1, 50_000), 1, 'the replica is in step';
}

my $one = server();
my $two = server($one);
lead_to($one);

# The server behind the path, as the tests see it.
my $redis = bless { %$one, socket => $path, owner => 0, client => {} },
    'JunkMail::Redis';
my $jm = JunkMail::Test->new(redis => $redis, junkmaild => 0, workers => 2,
    http => 'junkmail_push_ping 1h;');

$one->cmd('ZADD', 'jm:domains', 1, 'junkmail.test');
$one->cmd('HSET', 'jm:domain:{junkmail.test}', 'policy', 'closed', 'state',
    'active');

my $me  = $jm->account;
my $log = JunkMail::Events->new($jm, $me);
my %key = (key => $me->{key});

my @all = map { ($jm->ws($EVENTS, %key), $jm->sse($EVENTS, %key)) } 1 .. 3;
my @ids = map { $log->add(n => $_) } 1 .. 3;

# Each has begun somewhere, and all are live after the third.
is scalar(grep { (ids($_, 1))[0] } @all), 6, 'hello';
for my $l (@all) {
    my $got = '';
    ($got) = ids($l, 1) while $got && $got ne $ids[2] || $got eq '';
    is $got, $ids[2], 'live';
}
in_step($one);

# --- nothing is lost -------------------------------------------------------

# While the replica is no master yet, what changes the store is refused and
# who listens is not disturbed.
$one->kill9;
lead_to($two, $redis);
ok $jm->eventually(sub {
    $jm->api(GET => '/accounts/me', %key)->{status} == 200;
}), 'a replica is read';
is $jm->api(POST => '/addresses', %key, json => {})->{status}, 503,
    'and not written to';
$two->cmd('REPLICAOF', 'NO', 'ONE');
ok $jm->eventually(sub {
    $jm->api(POST => '/addresses', %key, json => {})->{status} == 201;
}), 'until it is the master';

for my $l (@all) {
    is(($l->json // {})->{type}, 'address.created', 'no reset');
}
my $known = $log->add(n => 4);
is_deeply [ids($_, 1)], [$known], 'and on' for @all;

# --- the last events are lost ----------------------------------------------

my $three = server($two);
my $later = $jm->ws("$EVENTS?since=$known", %key);
$later->json;
$jm->eventually(sub { $three->cmd('INFO', 'replication')
    =~ /master_link_status:up/ });
in_step($two);
$three->cmd('REPLICAOF', 'NO', 'ONE');

# The old master goes on for a while: nobody will know of this.
my @lost = map { $log->add(n => "lost $_") } 1 .. 2;
is_deeply [ids($_, 2)], \@lost, 'heard before it is lost' for @all, $later;

# The new one has other events since.
lead_to($three, $redis);
my @new = map { $log->add(n => "new $_", quiet => 1) } 1 .. 2;
$two->kill9;

for my $l (@all, $later) {
    my $frame = $l->json // {};
    is $frame->{type}, 'reset', 'a place that is no more: reset';
    is $frame->{id}, $new[-1], 'to the newest';
}
$known = $log->add(n => 5);
for my $l (@all, $later) {
    is_deeply [ids($l, 1)], [$known], 'and on, without a second one';
}

# Who comes back with a lost cursor is told at once; others miss nothing.
for my $kind (qw(ws sse)) {
    my $l = $jm->$kind("$EVENTS?since=$lost[1]", %key);
    is_deeply [map { $_->{type} } drain($l, 2)], ['hello', 'reset'],
        "$kind: since a lost one";
    $l = $jm->$kind("$EVENTS?since=$ids[2]", %key);
    my @types = map { $_->{type} } drain($l, 6);
    is_deeply \@types, ['hello', 'address.created', ('email.received') x 4],
        "$kind: since one that both had";
}

# --- it comes back as it was -----------------------------------------------

$three->kill9;
splice @{ $three->{options} }, 6; # a master now
$three->start;
delete $redis->{client};
$known = $log->add(n => 6);
is_deeply [ids($_, 1)], [$known], 'a restart: no reset' for @all, $later;

$_->close for @all, $later;

# --- in the middle of a replay ---------------------------------------------

# A slow reader is told as well, when it comes to it.
my $four = server($three);
$jm->eventually(sub { $four->cmd('INFO', 'replication')
    =~ /master_link_status:up/ });
in_step($three);
$four->cmd('REPLICAOF', 'NO', 'ONE');

my @old  = ((map { $_->[0] } @{ $redis->cmd('XRANGE', $log->key, '-', '+') }),
            $log->fill(900, 4000));
my $slow = $jm->ws("$EVENTS?since=0", %key, rcvbuf => 4096);
$slow->json;

# Where it is then, the new master has nothing.
my @seen = ids($slow, 20);

lead_to($four, $redis);
@new = map { $log->add(n => "new $_", quiet => 1) } 1 .. 2;
$three->kill9;
ok $jm->eventually(sub {
    $redis->cmd('PUBSUB', 'NUMSUB', $log->wake)->[1] > 0;
}), 'nginx listens to the new master';

my $frame;
while ($frame = $slow->json) {
    last if $frame->{type} eq 'reset';
    push @seen, $frame->{id};
}
cmp_ok scalar @seen, '>', 19,   'some of the old ones';
cmp_ok scalar @seen, '<', @old, 'not all of them';
is_deeply \@seen, [@old[0 .. $#seen]], 'without a gap';
is $frame->{id}, $new[-1], 'and then a reset';
$known = $log->add(n => 7);
is_deeply [ids($slow, 1)], [$known], 'and on';

$jm->done;
done_testing;
