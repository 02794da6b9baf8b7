#!/usr/bin/perl

# Every event there is, from every cause there is: mail, requests to this nginx
# and to another on the same Redis, the reaper, the operator's command line.
# All who listen hear the same, over WebSocket on one node and by server-sent
# events on the other.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use IO::Socket::UNIX;
use JSON::PP;
use POSIX ();
use Test::More;
use Time::HiRes qw(sleep time);

use JunkMail::Test;

my $ping = 'junkmail_push_ping 1h;';
my $a = JunkMail::Test->new(workers => 2, http => $ping,
    conf => 'bin_days 7; idle_days 30;');
my $b = JunkMail::Test->new(redis => $a->{redis}, junkmaild => 0, http => $ping,
    backend => 'unix:' . $a->lmtp_socket);

my $EVENTS = '/api/v1/events';
my $redis  = $a->{redis};
my $json   = JSON::PP->new->canonical;
my $me     = $a->account;
my $id     = substr $me->{key}, 8, 22;
my %key    = (key => $me->{key});

my @all = ($a->ws($EVENTS, %key), $b->ws($EVENTS, %key),
           $a->sse($EVENTS, %key), $b->sse($EVENTS, %key));
$_->json for @all;

# The next event of everybody: its data, when all say the same and it is this.
sub heard
{
    my ($type, $cause) = @_;

    my @said = map { $json->encode($_->json // die "$cause: silence\n") }
        @all;
    is $_, $said[0], "$cause: all hear the same" for @said[1 .. $#said];

    my $event = $json->decode($said[0]);
    is $event->{type}, $type, "$cause: $type";
    return $event->{data} // {};
}

sub call
{
    my ($node, $method, $path, %opt) = @_;

    my $r = $node->api($method => $path, %key, %opt);
    cmp_ok $r->{status}, '<', 300, "$method $path";
    return $r->{json}{data};
}

# Has the reaper look at something of ours now.
sub due
{
    my ($what) = @_;

    for my $shard (0 .. 15) {
        $redis->cmd('ZADD', "jm:expire:$shard", 'XX', 1, $what);
    }
}

# --- addresses -------------------------------------------------------------

my @node = ([$a, 'this node'], [$b, 'another node']);
my (%address, $got);

for (@node) {
    my ($n, $who) = @$_;

    $address{$who} = call($n, POST => '/addresses', json => {})->{id};
    is heard('address.created', $who)->{id}, $address{$who}, 'its id';

    call($n, PATCH => "/addresses/$address{$who}",
        json => { isActive => JSON::PP::false });
    ok !heard('address.updated', $who)->{isActive}, 'stopped';
    call($n, PATCH => "/addresses/$address{$who}",
        json => { isActive => JSON::PP::true });
    ok heard('address.updated', $who)->{isActive}, 'and goes on';
}

$a->write('mine.key', "$me->{key}\n");
$a->admin(qw(domain add second.test --key-file), "$a->{dir}/mine.key");
$got = heard('address.created', 'the operator gives a domain');
like $got->{address}, qr/\@second\.test$/, 'a held address';
heard('address.created', 'the operator gives a domain');
$a->admin(qw(domain remove second.test));
heard('address.updated', 'the operator takes it away') for 1, 2;

# --- mail ------------------------------------------------------------------

my $home = $a->address($me, alias => 'home');
heard('address.created', 'home');

my %mail;
for (@node) {
    my ($n, $who) = @$_;

    like $n->send_mail('home@junkmail.test', "Subject: by $who\n\nx\n"),
        qr/^250/, "mail to $who";
    $got = heard('email.received', $who);
    is $got->{subject}, "by $who", 'its subject';
    $mail{$who} = $got->{id};
}

# Postfix and others hand over to the backend themselves.
my $lmtp = IO::Socket::UNIX->new(Peer => $a->lmtp_socket) or die "lmtp: $!";
for ('LHLO x', 'MAIL FROM:<>', 'RCPT TO:<home@junkmail.test>', 'DATA',
     "Subject: by LMTP\r\n\r\nx\r\n.", 'QUIT') {
    print $lmtp "$_\r\n";
}
$got = heard('email.received', 'LMTP');
is $got->{subject}, 'by LMTP', 'its subject';
$mail{lmtp} = $got->{id};

# A long poll on the other node, which mostly waits when the mail comes.
if ((my $pid = fork // die "fork: $!") == 0) {
    my $r = $b->api(GET => "/emails/wait?after=$mail{lmtp}&timeout=60",
        %key);
    POSIX::_exit(($r->{json}{data}{subject} // '') eq 'awaited' ? 0 : 1);
}
sleep 0.5;
$a->send_mail('home@junkmail.test', "Subject: awaited\n\nx\n");
$mail{awaited} = heard('email.received', 'awaited')->{id};
wait;
is $?, 0, 'a long poll on another node answers';

# --- what is done to mail --------------------------------------------------

for (@node) {
    my ($n, $who) = @$_;
    my $path = "/emails/$mail{$who}";

    for my $flag (qw(isRead isStarred isDeleted)) {
        for my $on (JSON::PP::true, JSON::PP::false) {
            call($n, PATCH => $path, json => { $flag => $on });
            $got = heard('email.updated', "$who, $flag");
            is $json->encode([@$got{'id', 'addressId', $flag}]),
                $json->encode([$mail{$who}, $home->{id}, $on]), 'what it is';
        }
    }

    # All of an address; what changes nothing is not told.
    call($n, PATCH => '/emails',
        json => { addressId => $home->{id}, isRead => JSON::PP::true });
    $got = heard('email.updated', "$who, all read");
    is scalar @{ $got->{ids} }, 4, 'four';
    call($n, PATCH => '/emails',
        json => { ids => $got->{ids}, isRead => JSON::PP::true });
    call($n, PATCH => '/emails',
        json => { ids => $got->{ids}, isRead => JSON::PP::false });
    $got = heard('email.updated', "$who, some unread");
    is $json->encode($got->{isRead}), 'false', 'all unread, once';

    call($n, DELETE => $path);
    ok heard('email.updated', "$who, to the bin")->{isDeleted}, 'in the bin';
    call($n, PATCH => $path, json => { isDeleted => JSON::PP::false });
    heard('email.updated', "$who, out of the bin");
}

call($a, DELETE => "/emails/$mail{'this node'}?permanent=true");
is heard('email.deleted', 'for good')->{id}, $mail{'this node'}, 'its id';
call($b, DELETE => "/emails/$mail{'another node'}");
heard('email.updated', 'to the bin');
call($b, DELETE => "/emails/$mail{'another node'}");
is heard('email.deleted', 'out of the bin')->{id}, $mail{'another node'},
    'its id';

# --- the reaper ------------------------------------------------------------

call($b, DELETE => "/emails/$mail{lmtp}");
heard('email.updated', 'to the bin');
$redis->cmd('ZADD', "jm:{$id}:binned", 1, $mail{lmtp});
due("account:$id");
is_deeply heard('email.deleted', 'the bin is emptied')->{ids}, [$mail{lmtp}],
    'its ids';

$redis->cmd('HSET', "jm:{$id}:addr:$home->{id}", 'expires',
    int(time * 1000) - 1);
due("address:$id:$home->{id}");
is heard('address.expired', 'the reaper')->{id}, $home->{id}, 'its id';

for (@node) {
    my ($n, $who) = @$_;

    call($n, DELETE => "/addresses/$address{$who}");
    is heard('address.deleted', $who)->{id}, $address{$who}, 'its id';
}

# --- the end ---------------------------------------------------------------

sub all_end
{
    my ($what, @listeners) = @_;

    my $began = time;
    for (@listeners) {
        ok $_->isa('JunkMail::SSE') ? $_->ends
            : ($_->close_code // 0) == 1008, $what;
    }
    cmp_ok time - $began, '<', 20, "$what: at once";
}

sub listeners
{
    my ($key) = @_;
    my @two = ($a->ws($EVENTS, key => $key), $b->sse($EVENTS, key => $key));
    $_->json for @two;
    return @two;
}

my $made = call($a, POST => '/keys',
    json => { name => 'k', scopes => ['emails:read'] });
my @two = listeners($made->{key});
$a->admin('key', 'remove', $id, $made->{id});
all_end('the operator revokes a key', @two);

my $idle = $a->account;
@two = listeners($idle->{key});
my $idle_id = substr $idle->{key}, 8, 22;
$redis->cmd('HSET', "jm:{$idle_id}", 'seen', 1);
due("account:$idle_id");
all_end('an idle account goes', @two);

$a->admin('account', 'remove', $id);
all_end('the operator removes an account', @all);

$b->done;
$a->done;
done_testing;
