#!/usr/bin/perl

# REST: /keys.  What a key may do lies with its scopes; revoked or expired it
# is dead on the next request, and its open connections are closed.

use strict;
use utf8;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use JSON::PP;
use JunkMail::Test;
use Test::More;
use Time::HiRes qw(sleep);

my $jm = JunkMail::Test->new(junkmaild => 0);
my $redis = $jm->{redis};

my $me    = $jm->account;
my $other = $jm->account;

sub keys_of { $jm->api(GET => '/keys', key => $_[0]) }
sub make    { $jm->api(POST => '/keys', key => $_[0], json => $_[1]) }

sub is_error
{
    my ($r, $status, $code, $name) = @_;

    is("$r->{status} " . ($r->{json}{code} // ''), "$status $code", $name)
        or diag($r->{body});
}

# --- create, list -----------------------------------------------------------

my $r = make($me->{key},
    { name => "Küche \"1\"", scopes => ['emails:write', 'emails:read'] });
is($r->{status}, 201, 'a key is made') or diag($r->{body});
my $reader = $r->{json}{data};
like($reader->{key}, qr/^jm_live_[0-9A-Za-z]{71}$/, 'its secret');
is($r->{headers}{location}, "/api/v1/keys/$reader->{id}", 'Location');
is($r->{headers}{'cache-control'}, 'no-store', 'not cached');
is($reader->{name}, "Küche \"1\"", 'its name');
is_deeply($reader->{scopes}, ['emails:read', 'emails:write'], 'its scopes');
like($reader->{createdAt}, qr/^\d{4}-.*Z$/, 'its time');
is($reader->{expiresAt}, undef, 'for ever');

is($jm->api(GET => '/emails', key => $reader->{key})->{status}, 200, 'works');
is_error(keys_of($reader->{key}), 403, 'MISSING_SCOPE', 'within its scopes');

$r = keys_of($me->{key});
is($r->{status}, 200, 'list');
is_deeply([map { $_->{name} } @{ $r->{json}{data} }],
    ['default', "Küche \"1\""], 'oldest first');
ok($r->{json}{data}[0]{current}, 'which one asks is said');
delete $reader->{key};
is_deeply($r->{json}{data}[1], $reader, 'as when it was made, but the secret');
unlike($r->{body}, qr/jm_live_/, 'never a secret');
is(scalar @{ keys_of($other->{key})->{json}{data} }, 1, 'only one\'s own');

# --- refusals ---------------------------------------------------------------

my @wrong = (
    [{ scopes => ['emails:read'] },                          'name'],
    [{ name => '', scopes => ['emails:read'] },              'name'],
    [{ name => 'x' x 101, scopes => ['emails:read'] },       'name'],
    [{ name => 1, scopes => ['emails:read'] },               'name'],
    [{ name => 'x' },                                        'scopes'],
    [{ name => 'x', scopes => [] },                          'scopes'],
    [{ name => 'x', scopes => 'emails:read' },               'scopes'],
    [{ name => 'x', scopes => ['emails:read', 'root'] },     'scopes'],
    [{ name => 'x', scopes => [1] },                         'scopes'],
    [{ name => 'x', scopes => ['emails:read'], expiresIn => 59 }, 'expiresIn'],
    [{ name => 'x', scopes => ['emails:read'], expiresIn => '60' },
        'expiresIn'],
);

for (@wrong) {
    my ($body, $field) = @$_;
    $r = make($me->{key}, $body);
    is_error($r, 422, 'VALIDATION_FAILED', JSON::PP->new->canonical->encode($body));
    is($r->{json}{field}, $field, "names $field");
}

is_error(make(undef, { name => 'x', scopes => ['emails:read'] }), 401,
    'INVALID_API_KEY', 'without a key');

# A key that manages keys gives no more than it has.
my $warden = make($me->{key},
    { name => 'warden', scopes => ['keys:manage', 'emails:read'] })
    ->{json}{data};
is(make($warden->{key}, { name => 'x', scopes => ['emails:read'] })->{status},
    201, 'what it has it may give');
is_error(make($warden->{key}, { name => 'x', scopes => ['emails:write'] }),
    403, 'MISSING_SCOPE', 'no more');

# --- expiry -----------------------------------------------------------------

my $short = make($me->{key},
    { name => 'short', scopes => ['emails:read'], expiresIn => 60 })
    ->{json}{data};
like($short->{expiresAt}, qr/Z$/, 'expires');
my ($record) = grep { $redis->cmd('HGET', $_, 'name') eq 'short' }
    map { "jm:{$me->{id}}:key:$_" }
    @{ $redis->cmd('SMEMBERS', "jm:{$me->{id}}:keys") };
cmp_ok($redis->cmd('PTTL', $record), '>', 50000, 'and Redis forgets it then');
$redis->cmd('PEXPIRE', $record, 1);
sleep 0.05;
is_error($jm->api(GET => '/emails', key => $short->{key}), 401,
    'INVALID_API_KEY', 'expired');
is((grep { $_->{name} eq 'short' } @{ keys_of($me->{key})->{json}{data} }), 0,
    'and gone from the list');

# --- rates ------------------------------------------------------------------

for ([$me, 600], [$warden, 100]) {
    my ($who, $limit) = @$_;
    is($jm->api(GET => '/accounts/me', key => $who->{key})
        ->{headers}{'x-ratelimit-limit'}, $limit, "$limit requests a minute");
}
while (($r = keys_of($warden->{key}))->{status} == 200) { }
is_error($r, 429, 'RATE_LIMITED', 'no more');
is(keys_of($me->{key})->{status}, 200, 'another key of the account goes on');

# --- the limit --------------------------------------------------------------

for (1 .. 50) {
    $r = make($other->{key}, { name => "key $_", scopes => ['emails:read'] });
    last if $r->{status} != 201;
}
is_error($r, 422, 'QUOTA_EXCEEDED', 'fifty keys');
is(scalar @{ keys_of($other->{key})->{json}{data} }, 50, 'all listed');

# --- revocation -------------------------------------------------------------

my $listener = make($me->{key},
    { name => 'listener', scopes => ['emails:read'] })->{json}{data};
my $ws = $jm->ws('/api/v1/events', key => $listener->{key});
is($ws->json->{type}, 'hello', 'a listener');

is_error($jm->api(DELETE => "/keys/$listener->{id}", key => $other->{key}),
    404, 'NOT_FOUND', 'not another account\'s');
is_error($jm->api(DELETE => '/keys/x', key => $me->{key}), 404, 'NOT_FOUND',
    'no such key');

$r = $jm->api(DELETE => "/keys/$listener->{id}", key => $me->{key});
is_deeply($r->{json}, { message => 'API key deleted successfully' },
    'revoked') or diag($r->{body});
is($ws->close_code, 1008, 'its connection is closed');
is_error($jm->api(GET => '/emails', key => $listener->{key}), 401,
    'INVALID_API_KEY', 'dead on the next request');
is_error($jm->api(DELETE => "/keys/$listener->{id}", key => $me->{key}),
    404, 'NOT_FOUND', 'once');

$r = $jm->api(PUT => '/keys', key => $me->{key});
is_error($r, 405, 'METHOD_NOT_ALLOWED', 'other methods');
is($r->{headers}{allow}, 'GET, HEAD, POST', 'Allow');

$jm->done;
done_testing;
