#!/usr/bin/perl

# Push over WebSocket when something breaks: reload and stop, Redis killed,
# hung or its link cut, a trimmed log.  Nothing missed, nothing twice.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(sleep time);

use JunkMail::Events qw(drain ids);
use JunkMail::Test;

my $jm = JunkMail::Test->new(junkmaild => 0,
    junkmail => 'redis_timeout 4s;',
    http     => 'junkmail_push_jitter 2s; junkmail_push_ping 1h;');

my $EVENTS = '/api/v1/events';
my $redis  = $jm->{redis};
my $me     = $jm->account;
my $log    = JunkMail::Events->new($jm, $me);
my %key    = (key => $me->{key});

sub log_ids
{
    my ($after) = @_;
    return map { $_->[0] }
        @{ $redis->cmd('XRANGE', $log->key, "($after", '+') };
}

# --- the subscription link is cut ------------------------------------------

my $ws    = $jm->ws($EVENTS, %key);
my $start = $ws->json->{id};
my @all   = $log->add(n => 1);
is_deeply [ids($ws, 1)], \@all, 'an event';

$redis->cmd('CLIENT', 'KILL', 'TYPE', 'pubsub');
push @all, my @lost = map { $log->add(n => $_) } 2 .. 5;
is_deeply [ids($ws, 4)], \@lost, 'what came while the link was cut';
push @all, my $id = $log->add(n => 6);
is_deeply [ids($ws, 1)], [$id], 'and live again';

$redis->cmd('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
delete $redis->{client};
push @all, $id = $log->add(n => 7);
is_deeply [ids($ws, 1)], [$id], 'the command link cut';

# What wakes its readers meanwhile is not forgotten for a look at the keys.
$redis->cmd('MULTI');
$redis->cmd('CLIENT', 'KILL', 'USER', 'edge', 'TYPE', 'normal');
$log->add(n => 8);
$log->publish('gone');
(undef, $id) = @{ $redis->cmd('EXEC') };
push @all, $id;
is_deeply [ids($ws, 1)], [$id], 'an event, and a key may be gone';

# Two hundred times an event and one of the links, at any moment.
my @sent;
for my $n (1 .. 200) {
    push @sent, $log->add(n => $n);
    if ($n % 10 == 0) {
        $redis->cmd('CLIENT', 'KILL', 'TYPE', 'pubsub');
    }
    if ($n % 25 == 0) {
        $redis->cmd('CLIENT', 'KILL', 'USER', 'edge');
    }
}
is_deeply [ids($ws, 200)], \@sent, '200 events while links are cut';
is $ws->next_frame(0.5), undef, 'nothing twice';

# --- clients that come and go ----------------------------------------------

# Eight of them drop and come back with their cursor, links are cut between;
# each must end with the same events.
my $storm = $jm->account;
my $slog  = JunkMail::Events->new($jm, $storm);
my $first = $slog->add(n => 0);
my @club  = map { { last => $first, ids => [] } } 1 .. 8;

sub take
{
    my ($c, $timeout) = @_;

    if (!$c->{ws}) {
        my $w = $jm->ws("$EVENTS?since=$c->{last}", key => $storm->{key});
        return if $w->{status} != 101;
        $c->{ws} = $w;
        is $w->json->{id}, $c->{last}, 'hello repeats the cursor';
    }
    while (my ($got) = ids($c->{ws}, 1, $timeout)) {
        push @{ $c->{ids} }, $got;
        $c->{last} = $got;
    }
}

srand 42;
@sent = ();
for my $n (1 .. 600) {
    push @sent, $slog->add(n => $n);

    my $c = $club[rand @club];
    my $dice = int rand 10;
    take($c, 0.001)                             if $dice < 6;
    delete($c->{ws})->close                     if $dice == 7 && $c->{ws};
    $redis->cmd('CLIENT', 'KILL', 'USER', 'edge') if $n % 60 == 0;
}
for my $c (@club) {
    $jm->eventually(sub { take($c, 0.3); @{ $c->{ids} } == @sent });
    is_deeply $c->{ids}, \@sent, 'every event once, in order';
    $c->{ws}->close;
}

# --- Redis is killed -------------------------------------------------------

my $late = $jm->ws("$EVENTS?since=0", %key);
$late->json;
is scalar(ids($late, 208)), 208, 'a second one, replayed';

$redis->kill9;
is $jm->ws($EVENTS, %key)->{status}, 503, '503 for a new one';
is $ws->next_frame(0.3), undef, 'the others stay';
$redis->start;

push @all, my @after = map { $log->add(n => $_) } 1 .. 3;
is_deeply [ids($_, 3)], \@after, 'and read on' for $ws, $late;

my $new;
ok $jm->eventually(sub {
    $new = $jm->ws("$EVENTS?since=$after[0]", %key);
    return $new->{status} == 101;
}), 'new ones are welcome again';
$new->json;
is_deeply [ids($new, 2)], [@after[1, 2]], 'from their cursor';
$new->close;

# --- Redis hangs -----------------------------------------------------------

$redis->pause;
my $began = time;
is $jm->http(GET => '/index.html')->{status}, 200, 'a static page meanwhile';
ok time - $began < 4.9, 'without a wait for Redis';
$ws->send_frame(9, 'there?');
is $ws->next_frame->{data}, 'there?', 'and pongs';
is $jm->ws($EVENTS, %key)->{status}, 503, '503 after the deadline';
$redis->resume;
delete $redis->{client};
@after = map { $log->add(n => $_) } 1 .. 3;
is_deeply [ids($_, 3)], \@after, 'read on after that' for $ws, $late;

# --- the log is trimmed, or another ----------------------------------------

$redis->cmd('CLIENT', 'KILL', 'TYPE', 'pubsub');
$redis->cmd('EVAL', "redis.call('DEL', KEYS[1])", 1, $log->key);
my @other = $log->fill(300);
my $frame = $ws->json;
is $frame->{type}, 'reset', 'another log: reset';
my ($from) = grep { $other[$_] eq $frame->{id} } 0 .. $#other;
ok defined $from, 'to a place in it';
is_deeply [ids($ws, $#other - $from)], [@other[$from + 1 .. $#other]],
    'and on from there';
$late->close;

# A hung worker misses more than the log keeps.
my ($worker) = $jm->nginx_workers;
kill STOP => $worker;
$jm->eventually(sub { $jm->slurp("/proc/$worker/stat") =~ /\) T / });
@other = $log->fill(2000);
kill CONT => $worker;
$frame = $ws->json;
is $frame->{type}, 'reset', 'trimmed past the cursor: reset';
is $frame->{id}, $other[-1], 'to the newest';
$id = $log->add(n => 1);
is $ws->json->{id}, $id, 'and on from there';

# A slow reader is told by what its link's loss had asked that nothing is
# missing; then much is.
my $patient = $jm->account;
my $plog    = JunkMail::Events->new($jm, $patient);
my @pages   = $plog->fill(600, 4000);
my $slow    = $jm->ws("$EVENTS?since=$pages[0]", key => $patient->{key},
    rcvbuf => 4096);
is $slow->json->{id}, $pages[0], 'a slow replay';
sleep 0.5;
$redis->cmd('CLIENT', 'KILL', 'TYPE', 'pubsub');
sleep 0.5;
$plog->fill(1500);
my @told = (0);
while (my $f = $slow->json) {
    if ($f->{type} eq 'reset') {
        push @told, 'reset';
        last;
    }
    last if $f->{id} ne $pages[$#told + 1];
    push @told, $#told + 1;
}
is_deeply \@told, [0 .. $#told - 1, 'reset'], 'no hole before its reset';
cmp_ok scalar(@told), '<', 600, 'which was due';
$slow->close;

# Its own look at the log comes before that for all who are live, when its reader
# waits for the command link while the subscription link is back; by the time of
# the other answer it is one of them.
@pages = $plog->fill(300, 4000);
$slow  = $jm->ws("$EVENTS?since=$pages[0]", key => $patient->{key},
    rcvbuf => 32768);
is $slow->json->{id}, $pages[0], 'a slow replay';
my $live = $jm->ws($EVENTS, key => $patient->{key});
is $live->json->{id}, $pages[-1], 'and one who is live';
sleep 0.3;
$redis->cmd('CLIENT', 'KILL', 'TYPE', 'pubsub');
sleep 0.06;
$redis->cmd('CLIENT', 'KILL', 'USER', 'edge');
$plog->fill(1500);
for ($slow, $live) {
    my $f;
    do { $f = $_->next_frame } while $f && $f->{data} !~ /^\{"type":"reset"/;
    ok $f, 'much is missing';
}
my $then = $plog->add(n => 1);
is_deeply [ids($_, 1)], [$then], 'which is said once' for $slow, $live;
$_->close for $slow, $live;

# --- reload ----------------------------------------------------------------

my @crowd = ($ws, map { my $w = $jm->ws($EVENTS, %key); $w->json; $w } 1 .. 7);
$began = time;
$jm->reload_nginx;

my @when;
for my $w (@crowd) {
    is $w->close_code, 1001, '1001 at a reload';
    push @when, time - $began;
    $w->close;
}
@when = sort { $a <=> $b } @when;
ok $when[-1] < 15, 'within the jitter';
ok $jm->eventually(sub { !grep { $_ == $worker } $jm->nginx_workers }),
    'and the old worker has left';

# What happens between is not lost: a client comes back with its cursor.
@after = map { $log->add(n => $_) } 1 .. 3;
$ws = $jm->ws("$EVENTS?since=$id", %key);
$ws->json;
is_deeply [ids($ws, 3)], \@after, 'from the cursor, on the new worker';

# Events go on while the old worker waits for its turn to close.
$jm->reload_nginx;
@sent = ();
while (!@sent || time - $began < 20) {
    push @sent, $log->add(n => 1);
    sleep 0.02;
    last if @sent > 10;
}
my @got;
while (my $f = $ws->next_frame) {
    push @got, $f->{data} =~ /"id":"([^"]+)"/ if $f->{opcode} == 1;
    last if $f->{opcode} == 8;
}
is_deeply \@got, [@sent[0 .. $#got]], 'no hole up to the close';
$ws->close;

# --- stop ------------------------------------------------------------------

$ws = undef;
ok $jm->eventually(sub { ($ws = $jm->ws($EVENTS, %key))->{status} == 101 }),
    'one more';
$ws->json;
my $silent = $jm->ws($EVENTS, %key);

# Does not answer the close: the worker leaves all the same.
is $jm->stop_nginx, 0, 'nginx stops in order';
is $ws->close_code, 1001, '1001 at a stop';

$jm->done;
done_testing;
