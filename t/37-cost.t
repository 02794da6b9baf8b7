#!/usr/bin/perl

# REST: what a request costs the store, counted by Redis itself.  One round
# trip for a read or a change of flags, three at most for a new address; and a
# page of a list costs the same with 100,000 emails as with 100, the last page
# as the first, by its cursor.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Compress::Raw::Zlib;
use Compress::Zlib qw(crc32);
use JSON::PP;
use JunkMail::Test;
use Test::More;

my $FEW  = 200;
my $MANY = 100_000;

my $jm    = JunkMail::Test->new(junkmaild => 0);
my $redis = $jm->{redis};
$redis->cmd('ZADD', 'jm:domains', 1, 'junkmail.test');
$redis->cmd('HSET', 'jm:domain:{junkmail.test}', policy => 'closed',
    state => 'active');

my $me   = $jm->account;
my $home = $jm->address($me, alias => 'home');
my $A    = "jm:{$me->{id}}";

# --- emails, straight into the store ----------------------------------------

my $made = 0;

sub id { sprintf '01900000-%04x-7000-8000-%012x', $_[0] >> 8, $_[0] }

my $make = <<'LUA';
local a, address = KEYS[1], ARGV[1]
for i = tonumber(ARGV[2]), tonumber(ARGV[3]) do
    local id = string.format('01900000-%04x-7000-8000-%012x',
        math.floor(i / 256), i)
    redis.call('HSET', a .. ':mail:' .. id, 'v', 1, 'addr', address,
        'flags', 0, 'ver', 1, 's', 'hello', 'raw', 0, 'size', 10,
        'event', '1-1', 'bodies', ARGV[4], 'detail', ARGV[4], 'summary',
        '"id":"' .. id .. '","addressId":"' .. address .. '","subject":"x"')
    for _, where in ipairs({'all', address}) do
        for _, view in ipairs({'inbox', 'unread'}) do
            redis.call('ZADD', a .. ':idx:' .. where .. ':' .. view, 0, id)
        end
    end
end
LUA

# Bodies as the backend stores them: raw deflate ended by a sync flush.
my $json = ',"bodyText":"x","bodyHtml":null';
my ($d) = Compress::Raw::Zlib::Deflate->new(-WindowBits => -15,
    -AppendOutput => 1);
my $packed = '';
$d->deflate($json, $packed);
$d->flush($packed, Z_SYNC_FLUSH);
my $blob = pack('VVV', crc32($json), length $json, length $packed) . $packed;

sub fill
{
    my ($n) = @_;

    for (my $from = $made + 1; $from <= $n; $from += 5000) {
        my $to = $from + 4999 < $n ? $from + 4999 : $n;
        my $r = $redis->cmd('EVAL', $make, 1, $A, $home->{id}, $from, $to,
            $blob);
        die $r if defined $r;
    }
    $made = $n;
}

# --- what Redis counts ------------------------------------------------------

# What the request made Redis do: reads of its sockets (round trips), commands,
# those inside of functions too, and bytes written.
sub cost
{
    my ($request) = @_;

    $redis->cmd('CONFIG', 'RESETSTAT');
    my $r = $request->();
    my $stats = $redis->cmd('INFO', 'stats');
    my $commands = $redis->cmd('INFO', 'commandstats');

    my ($reads) = $stats =~ /total_reads_processed:(\d+)/;
    my ($bytes) = $stats =~ /total_net_output_bytes:(\d+)/;
    my $calls = 0;
    while ($commands =~ /cmdstat_(\S+?):calls=(\d+)/g) {
        $calls += $2 if $1 !~ /^(config|info|ping)/;
    }

    return { answer => $r, trips => $reads, calls => $calls,
             bytes => $bytes };
}

# The least of three, so that a ping or a new link in between does not count.
sub least
{
    my ($request) = @_;
    my @costs = map { cost($request) } 1 .. 3;
    return (sort { $a->{calls} <=> $b->{calls} } @costs)[0];
}

# What our own questions cost.
my $own = least(sub { })->{trips};

# The least of three, too, and the first answer.
sub trips
{
    my ($request) = @_;
    my @costs = map { cost($request) } 1 .. 3;
    my ($least) = sort { $a <=> $b } map { $_->{trips} } @costs;
    return ($least - $own, $costs[0]{answer});
}

sub get { $jm->api(GET => $_[0], key => $me->{key}) }

# --- round trips ------------------------------------------------------------

fill($FEW);

my %one = (
    'GET /accounts/me'   => sub { get('/accounts/me') },
    'GET /addresses'     => sub { get('/addresses') },
    'GET /addresses/:id' => sub { get("/addresses/$home->{id}") },
    'GET /emails'        => sub { get('/emails') },
    'GET /emails?q='     => sub { get('/emails?q=hello') },
    'GET /emails/:id'    => sub { get('/emails/' . id(7)) },
    'PATCH /emails/:id'  => sub {
        $jm->api(PATCH => '/emails/' . id(8), key => $me->{key},
            json => { isRead => JSON::PP::true });
    },
    'PATCH /emails' => sub {
        $jm->api(PATCH => '/emails', key => $me->{key}, json => {
            ids => [map { id($_) } 10 .. 20], isRead => JSON::PP::true });
    },
    'DELETE /emails/:id' => sub {
        $jm->api(DELETE => '/emails/' . id(9), key => $me->{key});
    },
);

for my $what (sort keys %one) {
    my ($trips, $r) = trips($one{$what});
    is($r->{status}, 200, $what) or diag($r->{body});
    is($trips, 1, "$what: one round trip");
}

my ($trips, $r) = trips(sub {
    $jm->api(POST => '/addresses', key => $me->{key}, json => {});
});
is($r->{status}, 201, 'POST /addresses') or diag($r->{body});
cmp_ok($trips, '<=', 3, 'three round trips at most');

is((trips(sub { $jm->api(GET => '/emails', key => 'x') }))[0], 0,
    'a bad key costs nothing');

# --- pages ------------------------------------------------------------------

my %page = (
    'the first page' => '/emails?limit=50',
    'with summaries' => '/emails?limit=50&fields=summary',
    'of an address'  => "/emails?limit=50&address_id=$home->{id}",
    'unread'         => '/emails?limit=50&unread=true',
    'by the cursor'  => '/emails?limit=50&after=' . id(120),
);

my %few = map { my $path = $page{$_}; ($_ => least(sub { get($path) })) }
    keys %page;
fill($MANY);
my %many = map { my $path = $page{$_}; ($_ => least(sub { get($path) })) }
    keys %page;

for (sort keys %page) {
    is(scalar @{ $many{$_}{answer}{json}{data} }, 50, "$_: 50 emails");
    is($few{$_}{answer}{json}{total} < $FEW + 1
        && $many{$_}{answer}{json}{total} > $MANY - 100, 1,
        "$_: of few, of many");
    is($many{$_}{calls}, $few{$_}{calls}, "$_: as many commands");
    # The total has more digits.
    cmp_ok(abs($many{$_}{bytes} - $few{$_}{bytes}), '<', 64,
        "$_: as many bytes");
}
is($many{'by the cursor'}{calls}, $many{'the first page'}{calls},
    'a deep page costs no more than the first');

$jm->done;
done_testing;
