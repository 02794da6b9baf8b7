#!/usr/bin/perl

# The life of addresses with two backends at work on one store: what expires is
# gone within seconds, told once and no more, and gives its place back; what
# was extended in the meantime stays, with its mail.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use JunkMail::Test;
use Test::More;
use Time::HiRes qw(sleep time);

my $ADDRESSES = 40;

my $jm = JunkMail::Test->new;
my $redis = $jm->{redis};

# The second backend: the same store, a socket of its own.
my $dir  = $jm->{dir};
my $conf = $jm->read('junkmail.conf');
$conf =~ s/lmtp\.sock/lmtp2.sock/;
$conf =~ s/junkmaild\.pid/junkmaild2.pid/;
$jm->write('junkmail2.conf', $conf);
my $second = $jm->spawn('junkmaild2', {}, "$JunkMail::Test::BUILD/junkmaild",
    '-c', "$dir/junkmail2.conf");
$jm->wait_for('the second junkmaild', sub { -S "$dir/lmtp2.sock" });

my $me = $jm->account;
my $ws = $jm->ws('/api/v1/events', key => $me->{key});
$ws->json;

my @addresses = map { $jm->address($me, alias => "a$_") } 1 .. $ADDRESSES;
$jm->send_mail("a$_\@junkmail.test", "Subject: $_\n\n") for 1 .. $ADDRESSES;
is($jm->api(GET => '/accounts/me', key => $me->{key})->{json}{data}{emails},
    $ADDRESSES, 'a mail for each');

# The API's shortest life is a minute: they are made older in the store.  The
# last one is extended just before.
my ($shard) = grep { $redis->cmd('ZSCORE', "jm:expire:$_",
    "address:$me->{id}:$addresses[0]{id}") } 0 .. 15;
my $at = int(time() * 1000) + 5000;
for (@addresses) {
    $redis->cmd('HSET', "jm:{$me->{id}}:addr:$_->{id}", expires => $at);
    $redis->cmd('ZADD', "jm:expire:$shard", $at, "address:$me->{id}:$_->{id}");
}
my $kept = pop @addresses;
is($jm->api(PATCH => "/addresses/$kept->{id}", key => $me->{key},
    json => { expiresIn => 3600 })->{status}, 200, 'one is extended');

my (%told, $last);
my $end = time() + 120;
while (keys %told < @addresses && time() < $end) {
    my $event = $ws->json or last;
    next if $event->{type} ne 'address.expired';
    $told{ $event->{data}{id} }++;
    $last = time();
}
is(scalar keys %told, scalar @addresses, 'every one is told');
cmp_ok($last - $at / 1000, '<', 50, 'soon');

ok($jm->eventually(sub {
    my $a = $jm->api(GET => '/accounts/me', key => $me->{key})->{json}{data};
    $a->{addresses} == 1 && $a->{emails} == 1;
}), 'their mail is gone and their places are free');
my ($log) = [map { join ' ', @{ $_->[1] } } @{ $redis->cmd('XRANGE',
    "jm:{$me->{id}}:log", '-', '+') }];
is((grep { /"address\.expired"/ } @$log), scalar @addresses,
    'told once, by whichever backend');
is((grep { /"email\.received"/ } @$log), 1, 'no subject of theirs is kept');

my $list = $jm->api(GET => '/emails', key => $me->{key})->{json};
is_deeply([map { $_->{addressId} } @{ $list->{data} }], [$kept->{id}],
    'the extended one\'s mail stays');
ok($jm->eventually(sub {
    $redis->cmd('PTTL', "jm:{$me->{id}}:mail:$list->{data}[0]{id}")
        > 3600_000;
}), 'for longer');
is($jm->api(GET => '/addresses?status=expired&limit=100', key => $me->{key})
    ->{json}{data}{total}, scalar @addresses, 'the others are listed');
like($jm->send_mail('a1@junkmail.test', "\n"), qr/^5/, 'and take no mail');

# Redis refuses whatever takes memory; what gives it back is done all the same.
$redis->cmd('CONFIG', 'SET', maxmemory => 1);
is($jm->api(DELETE => "/addresses/$kept->{id}", key => $me->{key})->{status},
    200, 'an address is deleted while Redis is full');
ok($jm->eventually(sub {
    !$redis->cmd('EXISTS', "jm:{$me->{id}}:addr:$kept->{id}");
}), 'and purged');
$redis->cmd('CONFIG', 'SET', maxmemory => 0);

kill TERM => $second;
waitpid $second, 0;
$jm->done;
done_testing;
