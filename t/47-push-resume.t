#!/usr/bin/perl

# Nothing missed, nothing twice: fifty listeners, WebSocket and server-sent
# events, read, stop reading, drop and come back at random while the log grows
# and is trimmed, nginx is reloaded, Redis is killed and its links are cut.
# Each must have read exactly the log, or have been told `reset` where what it
# was to read next was gone, and only there.
#
# JM_SEED and JM_EVENTS choose another run; JM_LONG=1 is the long one.

use strict;
use warnings;

use IO::Select;
use Test::More;
use Time::HiRes qw(sleep time);

use JunkMail::Events;
use JunkMail::Listener;
use JunkMail::Test;

my $seed   = $ENV{JM_SEED}   // ($ENV{JM_LONG} ? time ^ $$ : 47);
my $events = $ENV{JM_EVENTS}
    // ($ENV{JM_LONG} ? 10_000 : $JunkMail::Test::SAN ? 1_500 : 3_000);

diag("JM_SEED=$seed JM_EVENTS=$events");
srand $seed;

my $jm = JunkMail::Test->new(junkmaild => 0, workers => 2, http => <<'CONF');
        junkmail_push_connections_per_key 0;
        junkmail_push_connections_per_address 0;
        junkmail_account_rate_limit off;
CONF

my $redis = $jm->{redis};
my $me    = $jm->account;
my $log   = JunkMail::Events->new($jm, $me);

$redis->cmd('ZADD', 'jm:domains', 1, $jm->{domain});
$redis->cmd('HSET', "jm:domain:{$jm->{domain}}", 'policy', 'closed', 'state',
    'active');
my @addresses = map { $jm->address($me)->{id} } 1 .. 2;

# --- the log ---------------------------------------------------------------

# What was written: ids in order, their places and addresses; and for the end
# of each write the oldest place that was still there.
my (@ids, %place, @address, %oldest);

sub note_written
{
    for (@_) {
        $place{$_} = @ids;
        push @address, ('', @addresses)[@ids % 3];
        push @ids, $_;
    }
    my $first = $redis->cmd('XRANGE', $log->key, '-', '+', 'COUNT', 1);
    $oldest{$#ids} = $place{ $first->[0][0] };
}

# The command that writes some at once, as the store's functions do: for both
# addresses and for all.
sub events_to_write
{
    my ($count) = @_;

    return ('EVAL', <<'LUA', 1, $log->key, $count, scalar @ids, $log->wake,
local ids = {}
for n = ARGV[2], ARGV[2] + ARGV[1] - 1 do
    ids[#ids + 1] = redis.call('XADD', KEYS[1], 'MAXLEN', '~', 1000, '*',
        'a', ARGV[5 + n % 3],
        'j', '"type":"email.received","timestamp":1,"data":{"n":' .. n ..
             ',"pad":"' .. ARGV[4] .. '"}}')
end
redis.call('PUBLISH', ARGV[3], ids[#ids])
return ids
LUA
        'x' x rand 400, '', @addresses);
}

sub write_events
{
    my $ids = $redis->cmd(events_to_write(@_));
    die "EVAL: $ids" if ref $ids ne 'ARRAY';
    note_written(@$ids);
}

# The addresses' own events make room for ours.
$redis->cmd('XTRIM', $log->key, 'MAXLEN', 0);
write_events(1);

# --- the listeners ---------------------------------------------------------

# Of each: `at`, the place it has read up to, -1 when it asks for the oldest,
# undefined when for the newest; `came`, the log's last place at that time;
# `back`, how long the log must be for it to come back; `deaf`, to read on.
my @crowd = map { { name => $_, kind => $_ % 2 ? 'ws' : 'sse', back => 0,
                    deaf => 0, address => $_ % 5 ? '' : $addresses[$_ % 2] } }
            1 .. 50;
my (%count, @faults);

sub fault
{
    my ($c, $what) = @_;
    push @faults, "$c->{kind} $c->{name}: " . substr $what, 0, 200;
}

# Mostly with its own cursor; else with any, the oldest, or none.
sub come
{
    my ($c) = @_;

    my $dice = rand;
    $c->{at} = $dice < 0.01 ? undef : $dice < 0.02 ? -1 : int rand @ids
        if $dice < 0.05;

    my $since = !defined $c->{at} ? '' : $c->{at} < 0 ? 0 : $ids[ $c->{at} ];
    my $last  = $c->{kind} eq 'sse' && rand() < 0.5;
    my @query = ($c->{address} ? "address_id=$c->{address}" : (),
                 $since eq '' || $last ? () : "since=$since");

    $c->{came} = $#ids;
    $c->{told} = $c->{hello} = 0;
    $c->{io}   = JunkMail::Listener->new(kind => $c->{kind},
        port    => $jm->{http_port}, key => $me->{key},
        path    => '/api/v1/events?' . join('&', @query),
        headers => $last && $since ne '' ? ["Last-Event-ID: $since"] : [],
        rcvbuf  => rand() < 0.5 ? 4096 : 0);
    $count{came}++;
}

sub go
{
    my ($c, $pause) = @_;

    (delete $c->{io})->close;
    $c->{deaf} = 0;
    $c->{back} = @ids + $pause;
}

sub listen_to
{
    my ($c) = @_;

    my $io = $c->{io};
    for my $message ($io->read) {
        my ($type, $id, $text) = @$message;
        my $at = $id eq '0-0' ? -1 : $place{$id};

        defined $at            ? ()
            : return fault($c, "$type with an unknown id: $text");
        $type eq 'reset'       ? reset_to($c, $at)
            : $c->{hello}++    ? event($c, $at, $text)
            :                    hello($c, $at);
    }

    return 1 if !$io->{eof};
    my $end = $io->{code} || $io->{status} || 0;
    $count{"end $end"}++;
    go($c, $end == 503 ? rand 60 : 0);
    return 1;
}

# Repeats the place, unless that is gone and `reset` follows.
sub hello
{
    my ($c, $at) = @_;

    if (!defined $c->{at}) {
        fault($c, "begins at $at") if $at < $c->{came} || !exists $oldest{$at};
    }
    elsif ($at != $c->{at}) {
        return $c->{told} = $at;
    }
    elsif ($at >= 0 && $at < $oldest{ $c->{came} }) {
        fault($c, "no reset, though $at was gone");
    }
    $c->{at} = $at;
}

# The log ended at `to` then, and what comes after `at` was not all there.
sub reset_to
{
    my ($c, $to) = @_;

    fault($c, "a reset to $to, not to $c->{told}")
        if $c->{told} && $c->{told} != $to;
    fault($c, "a reset to $to, not the end") if !exists $oldest{$to};
    fault($c, "a reset to $to, though $c->{at} was there")
        if $c->{at} >= ($oldest{$to} // 0);

    $c->{at}   = $to;
    $c->{told} = 0;
    $count{reset}++;
}

# The next one for this listener after a place.
sub after
{
    my ($c, $at) = @_;

    do { $at++ }
        while $at < @ids && $c->{address} && $address[$at] ne ''
            && $address[$at] ne $c->{address};
    return $at;
}

sub event
{
    my ($c, $at, $text) = @_;

    # From the oldest: what that was may have changed since it came.
    my ($from, $to) = (after($c, $c->{at})) x 2;
    if ($c->{at} < 0) {
        $from = after($c, $oldest{ $c->{came} } - 1);
        $to   = after($c, $oldest{$#ids} - 1);
    }

    fault($c, "no reset to $c->{told}")        if $c->{told};
    fault($c, "$at twice, after $c->{at}")     if $at < $from;
    fault($c, "missed $from, got $at instead") if $at > $to;
    fault($c, "another event's text: $text")
        if index($text, qq("n":$at,)) < 0;

    $c->{at} = $at;
    $count{event}++;
}

# --- what goes wrong -------------------------------------------------------

my %mishap = (
    reload  => [ 1000, sub { $jm->reload_nginx } ],
    channel => [ 200, sub { $redis->cmd('CLIENT', 'KILL', 'TYPE', 'pubsub') } ],
    links   => [ 300, sub { $redis->cmd('CLIENT', 'KILL', 'USER', 'edge') } ],

    # More at once than is kept, seen or not.
    burst   => [ 3000, sub {
        $redis->cmd('CLIENT', 'KILL', 'TYPE', 'pubsub') if rand() < 0.5;
        write_events(1100 + rand 400);
    } ],

    # With a write under way: it was done or was not.
    killed  => [ 1000, sub {
        $redis->client('test')->send(events_to_write(20));
        sleep rand 0.002;
        $redis->kill9;
        sleep rand 0.2;
        $redis->start;
        note_written(map { $_->[0] }
            @{ $redis->cmd('XRANGE', $log->key, "($ids[-1]", '+') });
    } ],
);
my @plan = sort { $a->[0] <=> $b->[0] }
    map { my $name = $_; map { [rand $events, $name] }
          1 .. 0.5 + $events / $mishap{$name}[0] } sort keys %mishap;

# --- the run ---------------------------------------------------------------

# Reads what has come; false when nothing does within the time.
sub step
{
    my ($timeout) = @_;

    my %by = map { $_->{io} && $_->{deaf} <= @ids
                       ? (fileno $_->{io}->socket, $_) : () } @crowd;
    my $select = IO::Select->new(map { $_->{io}->socket } values %by);
    return scalar map { listen_to($by{ fileno $_ }) } $select->can_read($timeout);
}

# Those who have more to read.
sub behind
{
    return grep { $_->{io} && $_->{deaf} <= @ids
                  && (!$_->{hello} || after($_, $_->{at}) < @ids) } @crowd;
}

while (@ids < $events) {
    write_events(1 + rand(rand() < 0.05 ? 100 : 10));

    while (@plan && $plan[0][0] < @ids) {
        my $name = (shift @plan)->[1];
        $mishap{$name}[1]->();
        $count{$name}++;
    }

    for my $c (@crowd) {
        my $dice = rand;
        if (!$c->{io}) {
            come($c) if @ids >= $c->{back};
        }
        elsif ($dice < 0.04) {
            go($c, rand($dice < 0.002 ? 2000 : 100));
        }
        elsif ($dice < 0.05) {
            $c->{deaf} = @ids + rand 800;
        }
    }

    # Nobody is to be left behind merely because writing is faster.
    my $limit = time + 0.1;
    step(0.01) while time < $limit && behind();
}

# Nothing comes after the last events, of which no channel tells.
$redis->cmd('CLIENT', 'KILL', 'TYPE', 'pubsub');
write_events(10);

# Those who are away come back a last time, and all read on to the end.
$_->{deaf} = 0 for @crowd;
my $limit = time + 60;
while ((grep { !$_->{io} } @crowd or behind()) && time < $limit) {
    $_->{io} || come($_) for @crowd;
    step(0.05);
}
is join(', ', map { "$_->{kind} $_->{name} at " . ($_->{at} // '-') }
    behind()), '', 'everyone has come to the end of the log';
step(0.1) for 1 .. 5;

is scalar(@faults), 0, 'nothing missed, nothing twice, no reset without need'
    or diag(join "\n", @faults > 20 ? @faults[0 .. 19] : @faults);
cmp_ok $count{$_} // 0, '>', 0, $_
    for qw(event came reset), sort keys %mishap;
diag(join ', ', map { "$_: $count{$_}" } sort keys %count);

$jm->done;
done_testing;
