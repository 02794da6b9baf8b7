#!/usr/bin/perl

# REST: accounts, domains, addresses, the error form, keys, limits.  Mail is in
# 31-email.t.  No backend: what the API needs of the store it finds in Redis.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use IO::Socket::INET;
use JSON::PP;
use JunkMail::Test;
use Test::More;
use Time::HiRes qw(sleep time);

my $jm = JunkMail::Test->new(junkmaild => 0, http => <<'CONF');
location = /html {
    return 404;
}
CONF

my $redis = $jm->{redis};
$redis->cmd('ZADD', 'jm:domains', 1, 'junkmail.test', 2, 'second.test');
$redis->cmd('HSET', "jm:domain:{$_}", policy => 'closed', state => 'active')
    for qw(junkmail.test second.test);

# One request as raw bytes; the whole answer.
sub raw
{
    my ($bytes) = @_;

    my $s = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
        PeerPort => $jm->{http_port}, Timeout => 5) or die "connect: $!";
    print $s $bytes;
    local $/;
    return <$s>;
}

sub is_error
{
    my ($r, $status, $code, $name) = @_;

    is("$r->{status} " . ($r->{json}{code} // ''), "$status $code", $name)
        or diag($r->{body});
    ok(length($r->{json}{error} // ''), "$name: a text");
}

# --- accounts ---------------------------------------------------------------

my $r = $jm->api(POST => '/accounts');
is($r->{status}, 201, 'an account is opened without a key');
my $me = $r->{json}{data};
like($me->{id}, qr/^[0-9A-Za-z]{22}$/, 'its id');
like($me->{key}, qr/^jm_live_[0-9A-Za-z]{71}$/, 'its key');
is(scalar @{ $me->{scopes} }, 8, 'every scope');
like($me->{createdAt}, qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/, 'its time');
is($r->{headers}{location}, '/api/v1/accounts/me', 'Location');
is($r->{headers}{'cache-control'}, 'no-store', 'a key is not cached');
is($r->{headers}{'content-type'}, 'application/json', 'Content-Type');

my $start = time();
$r = $jm->api(GET => '/accounts/me', key => $me->{key});
my $took = time() - $start;
is($r->{status}, 200, 'GET /accounts/me');
is($r->{json}{data}{id}, $me->{id}, 'the same account');
is($r->{json}{data}{emails}, 0, 'no mail yet');
is($r->{headers}{'x-ratelimit-limit'}, 600, 'X-RateLimit-Limit');
is($r->{headers}{'x-ratelimit-remaining'}, 599, 'X-RateLimit-Remaining');
my $left = $r->{headers}{'x-ratelimit-reset'} - $start;
ok($left > 58 && $left < 62 + $took, 'X-RateLimit-Reset') or diag($left);

ok($redis->cmd('EXISTS', "jm:{$me->{id}}"), 'the account is in the store');
my ($due) = grep { defined }
    map { $redis->cmd('ZSCORE', "jm:expire:$_", "account:$me->{id}") } 0 .. 15;
ok($due && abs($due - (time() + 86400) * 1000) < 60_000,
    'the reaper looks after it daily');

my $seen = sub { $redis->cmd('HGET', "jm:{$_[0]{id}}", 'seen') };
my $idle = $jm->account;
$redis->cmd('HSET', "jm:{$idle->{id}}", seen => 5);
$jm->api(GET => '/addresses', key => $idle->{key});
ok($jm->eventually(sub { $seen->($idle) > 5 }), 'reading is use');
$redis->cmd('HSET', "jm:{$idle->{id}}", seen => 5);
$jm->api(GET => '/addresses', key => $idle->{key});
is($seen->($idle), 5, 'told once a day');

# --- keys -------------------------------------------------------------------

$r = $jm->api(GET => '/accounts/me');
is_error($r, 401, 'INVALID_API_KEY', 'no key');
is($r->{headers}{'www-authenticate'}, 'Bearer', 'WWW-Authenticate');

(my $typo = $me->{key}) =~ s/(.)$/$1 eq 'a' ? 'b' : 'a'/e;
for my $bad ('x', 'jm_live_', $typo, substr($me->{key}, 0, -1), "$me->{key}a",
    uc $me->{key})
{
    is_error($jm->api(GET => '/accounts/me', key => $bad), 401,
        'INVALID_API_KEY', 'a bad key');
}

for my $scheme ('Basic', 'Bearer:', '') {
    $r = $jm->api(GET => '/accounts/me',
        headers => { Authorization => "$scheme $me->{key}" });
    is($r->{status}, 401, "scheme '$scheme'");
}
$r = $jm->api(GET => '/accounts/me',
    headers => { Authorization => "bearer   $me->{key}" });
is($r->{status}, 200, 'the scheme is case-insensitive');

my ($hash) = @{ $redis->cmd('SMEMBERS', "jm:{$me->{id}}:keys") };
my $scopes = $redis->cmd('HGET', "jm:{$me->{id}}:key:$hash", 'scopes');
$redis->cmd('HSET', "jm:{$me->{id}}:key:$hash", scopes => 'domains:read');
is_error($jm->api(GET => '/addresses', key => $me->{key}), 403,
    'MISSING_SCOPE', 'without the scope');
is_error($jm->api(POST => '/addresses', key => $me->{key}, json => {}), 403,
    'MISSING_SCOPE', 'without the scope to write');
is($jm->api(GET => '/accounts/me', key => $me->{key})->{status}, 200,
    'any key sees its account');
$redis->cmd('HSET', "jm:{$me->{id}}:key:$hash", scopes => $scopes);

# --- domains ----------------------------------------------------------------

$r = $jm->api(GET => '/server/domains');
is_deeply($r->{json}, { data => ['junkmail.test', 'second.test'] },
    'GET /server/domains');

# --- addresses --------------------------------------------------------------

$r = $jm->api(POST => '/addresses', key => $me->{key},
    json => { alias => 'John.Doe', unknown => [1] });
is($r->{status}, 201, 'an address is made');
my $a = $r->{json}{data};
is($a->{address}, 'john.doe@junkmail.test', 'its address');
like($a->{alias}, qr/^john\.doe$/i, 'its alias');
ok($a->{isActive}, 'it is active');
is($r->{headers}{location}, "/api/v1/addresses/$a->{id}", 'Location');
is_deeply($redis->cmd('HMGET', 'jm:route:{john.doe@junkmail.test}', 'account',
    'id'), [$me->{id}, $a->{id}], 'its route');

is_error($jm->api(POST => '/addresses', key => $me->{key},
    json => { alias => 'john.doe' }), 409, 'ALIAS_TAKEN', 'taken by oneself');
my $you = $jm->account;
is_error($jm->api(POST => '/addresses', key => $you->{key},
    json => { alias => 'JOHN.DOE' }), 409, 'ALIAS_TAKEN', 'taken by another');

$r = $jm->api(POST => '/addresses', key => $me->{key},
    headers => { 'Content-Type' => 'application/json' }, body => '');
is($r->{status}, 201, 'no body: a random alias');
like($r->{json}{data}{alias}, qr/^[a-z]+-[a-z]+-\d{4}$/, 'a readable one');

$r = $jm->api(POST => '/addresses', key => $me->{key},
    json => { alias => 'x', domain => 'SECOND.test', expiresIn => 60 });
is($r->{json}{data}{address}, 'x@second.test', 'another domain');

for my $case (
    ['alias',       ''], ['alias', 'a b'], ['alias', 'a+b'], ['alias', 'a..b'],
    ['alias',       'x' x 101], ['alias', 7], ['alias', [1]], ["alias", "\x{1f4ec}"],
    ['domain',      'foreign.test'], ['domain', 'no domain'], ['domain', 1],
    ['expiresIn',   59], ['expiresIn', 2592001], ['expiresIn', 'soon'],
    ['expiresIn',   61.5], ['expiresIn', -60], ['expiresIn', 1e300],
    ['expiresIn',   JSON::PP::true], ['forwardToId', 'x'],
    ) {
    my ($field, $value) = @$case;
    $r = $jm->api(POST => '/addresses', key => $me->{key},
        json => { alias => 'valid', $field => $value });
    is("$r->{status} " . ($r->{json}{field} // ''), "422 $field",
        "$field: " . encode_json([$value]));
}

my $most = $redis->cmd('HGET', "jm:{$you->{id}}", 'maxAddresses');
$redis->cmd('HSET', "jm:{$you->{id}}", maxAddresses => 0);
is_error($jm->api(POST => '/addresses', key => $you->{key}, json => {}), 422,
    'QUOTA_EXCEEDED', 'no more addresses');
$redis->cmd('HSET', "jm:{$you->{id}}", maxAddresses => $most);

$r = $jm->api(GET => '/addresses', key => $me->{key});
is($r->{status}, 200, 'GET /addresses');
is($r->{json}{data}{total}, 3, 'three of them');
is($r->{json}{data}{limit}, 20, 'the default limit');
is($r->{json}{data}{offset}, 0, 'the default offset');
is($r->{json}{data}{addresses}[2]{id}, $a->{id}, 'newest first');

$r = $jm->api(GET => '/addresses?limit=1&offset=2', key => $me->{key});
is($r->{json}{data}{addresses}[0]{id}, $a->{id}, 'limit and offset');
is($jm->api(GET => '/addresses?limit=1000', key => $me->{key})
    ->{json}{data}{limit}, 100, 'limit is at most 100');
is($jm->api(GET => '/addresses?status=expired', key => $me->{key})
    ->{json}{data}{total}, 0, 'none is expired');
for my $bad ('limit=-1', 'limit=x', 'limit=', 'offset=-1', 'status=old') {
    my ($field) = $bad =~ /^(\w+)/;
    $r = $jm->api(GET => "/addresses?$bad", key => $me->{key});
    is("$r->{status} " . ($r->{json}{field} // ''), "422 $field", $bad);
}

$r = $jm->api(GET => "/addresses/$a->{id}", key => $me->{key});
is($r->{json}{data}{address}, 'john.doe@junkmail.test', 'GET /addresses/:id');
for my $id ($a->{id}, 'x', '%00', 'x' x 300) {
    my $other = $id eq $a->{id} ? $you : $me;
    $r = $jm->api(GET => "/addresses/$id", key => $other->{key});
    next if $id eq '%00' && is($r->{status}, 400, 'NUL in the path');
    is_error($r, 404, 'NOT_FOUND', 'another\'s address or none');
    is($r->{json}{error}, 'Address not found', 'its text');
}

sub patch
{
    my ($key, $body, $id) = @_;
    return $jm->api(PATCH => '/addresses/' . ($id // $a->{id}), key => $key,
        json => $body);
}

$r = patch($me->{key}, { isActive => JSON::PP::false });
is($r->{status}, 200, 'PATCH /addresses/:id') or diag($r->{body});
ok(!$r->{json}{data}{isActive}, 'stopped');
is($r->{json}{data}{expiresAt}, $a->{expiresAt}, 'its expiry stays');
$r = patch($me->{key}, { isActive => JSON::PP::true, expiresIn => 3600 });
ok($r->{json}{data}{isActive}, 'resumed');
cmp_ok($r->{json}{data}{expiresAt}, 'lt', $a->{expiresAt}, 'and shortened');
my ($soon) = grep { defined }
    map { $redis->cmd('ZSCORE', "jm:expire:$_", "address:$me->{id}:$a->{id}") }
    0 .. 15;
is($soon, 0, 'the reaper is to look at once');
is_deeply(patch($me->{key}, {})->{json}, $r->{json}, 'nothing asked for');
for my $bad ({ isActive => 1 }, { expiresIn => 59 }, { expiresIn => '60' },
    { expiresIn => 31 * 86400 })
{
    my ($field) = keys %$bad;
    $r = patch($me->{key}, $bad);
    is("$r->{status} " . ($r->{json}{field} // ''), "422 $field",
        "$field $bad->{$field}");
}
is_error(patch($you->{key}, {}), 404, 'NOT_FOUND', 'another\'s');
is_error(patch($me->{key}, {}, 'x'), 404, 'NOT_FOUND', 'none');
is_error($jm->api(PUT => "/addresses/$a->{id}", key => $me->{key}), 405,
    'METHOD_NOT_ALLOWED', 'PUT');
$redis->cmd('HSET', "jm:{$me->{id}}:addr:$a->{id}", expires => 5);
$r = patch($me->{key}, { expiresIn => 60 });
is_error($r, 422, 'VALIDATION_FAILED', 'an expired one');
is($r->{json}{error}, 'The address has expired; make it again', 'its text');

is_error($jm->api(DELETE => "/addresses/$a->{id}", key => $you->{key}), 404,
    'NOT_FOUND', 'deleting another\'s');
$r = $jm->api(DELETE => "/addresses/$a->{id}", key => $me->{key});
is_deeply($r->{json}, { message => 'Address deleted successfully' },
    'DELETE /addresses/:id');
is($jm->api(GET => "/addresses/$a->{id}", key => $me->{key})->{status}, 404,
    'it is gone');

# --- the path, the method, the body -----------------------------------------

for my $path ('', '/', '/nothing', '/emails/', '/emails/x/y', '/webhooks',
    '/emails//html', '/view/x')
{
    is_error($jm->api(GET => $path || '/', key => $me->{key}), 404,
        'NOT_FOUND', "no route $path");
}

for my $case (
    ['PUT', '/addresses', 'GET, HEAD, POST'],
    ['POST', '/emails/x', 'GET, HEAD, PATCH, DELETE'],
    ['DELETE', '/server/domains', 'GET, HEAD'],
    ['GET', '/accounts', 'POST'],
    ['OPTIONS', '/accounts/me', 'GET, HEAD, DELETE'],
    ) {
    my ($method, $path, $allow) = @$case;
    $r = $jm->api($method => $path, key => $me->{key});
    is_error($r, 405, 'METHOD_NOT_ALLOWED', "$method $path");
    is($r->{headers}{allow}, $allow, 'Allow');
}

my %json = (key => $me->{key}, headers => { 'Content-Type' =>
    'application/json; charset=utf-8' });
for my $bad ('{', '[]', '"x"', '{"alias":"a",}', "{\"alias\":\"\xff\"}",
    "{\"alias\":\"a\0\"}", "{}\0", '{"alias":"\\u0000"}', '{"\\u0000":1}',
    '{"a":"\\\\\\u0000"}', '{"a":"\\uZZZZ"}', '{"a":"\\u00"}', '{"a":"\\u',
    '{"a":"\\ud800"}', '{"a":"\\udc00\\ud800"}', '{"a":"\\ud800\\u0000"}',
    "{\"a\":\"\\\xff\"}", "{\"a\":\"\xc0\x80\"}", "{\"a\":\"\xed\xa0\x80\"}",
    "{\"a\xe2\x82\":1}", '{"a":"\\x"}', "{\"a\":\"\\", '{"a":"', '{"a"', '{"a":1,',
    '{a:1}', "{'a':1}", '{"a":+1}', '{"a":.5}', '{"a":tru}', '{"a":NaN}',
    '{"a":1 2}', '{"a":[1,]}', '{"a":1}}', '{"a":1]', ' ', 'null', '{} {}',
    '{"a":' x 33 . '1' . '}' x 33, '{"a":' . '[' x 60000,
    '{"a":[' . '1,' x 1000 . '1]}')
{
    is_error($jm->api(POST => '/addresses', %json, body => $bad), 400,
        'BAD_JSON', 'bad JSON: ' . substr($bad, 0, 20) =~ s/[^ -~]/?/gr);
}

# A field of the wrong form is what the answer tells, so the body was read.
# Beyond RFC 8259 cJSON takes control characters and some odd numbers for what
# they look like.  What a field may hold is checked all the same.
my $no = '"alias":""';
for my $good ("{$no}", " \t\r\n{ $no } \n", "{$no," . '"a":{"alias":"x"}}',
    "{$no," . '"a":{' x 30 . '"a":[1]' . '}' x 31,
    "{$no," . '"a":"' . '[{' x 100 . '\\"[\\\\"}', "{\"\\u0061lias\":\"\"}",
    "{$no," . '"a":"\\ud83d\\ude00\\u00e9 \\\\u0000 \\/\\b\\f\\n\\r\\t"}',
    "{$no,\"a\":\"\xf0\x9f\x98\x80\"}", "{$no," . '"a":[1,-0.5e-3,1e999,null]}',
    "{$no,\"a\":\"\t\x01\"}", "{$no," . '"a":[01,1.]}', "\xef\xbb\xbf{$no}",
    "{\"alias\":\"a\tb\"}", "{$no," . '"alias":"second"}')
{
    $r = $jm->api(POST => '/addresses', %json, body => $good);
    is("$r->{status} " . ($r->{json}{field} // ''), '422 alias',
        'JSON: ' . substr($good, 0, 40) =~ s/[^ -~]/?/gr) or diag($r->{body});
}

for my $whole ('60.0', '6e1', '"61"') {
    $r = $jm->api(POST => '/addresses', %json,
        body => "{\"expiresIn\":$whole,\"domain\":\"foreign.test\"}");
    is($r->{json}{field}, $whole =~ /"/ ? 'expiresIn' : 'domain',
        "a whole number is one however it is written: $whole");
}
is_error($jm->api(POST => '/addresses', key => $me->{key}, body => '{}',
    headers => { 'Content-Type' => 'text/plain' }), 415, 'UNSUPPORTED_TYPE',
    'another content type');
is_error($jm->api(POST => '/addresses', %json,
    body => '{"a":"' . 'x' x 70000 . '"}'), 413, 'TOO_LARGE', 'a long body');
is($jm->api(POST => '/addresses', %json,
    body => '{"alias":"long","a":"' . 'x' x 60000 . '"}')->{status}, 201,
    'one just short enough');

my $long = raw("POST /api/v1/addresses HTTP/1.1\r\nHost: x\r\n"
    . "Authorization: Bearer $me->{key}\r\nContent-Type: application/json\r\n"
    . "Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    . sprintf("%x\r\n%s\r\n0\r\n\r\n", 70000, 'x' x 70000));
like($long, qr/^HTTP\/1.1 413 .*"code":"TOO_LARGE"/s, 'a long chunked body');

# nginx's framing counts against its buffer: this one comes by a file.
$long = raw("POST /api/v1/addresses HTTP/1.1\r\nHost: x\r\n"
    . "Authorization: Bearer $me->{key}\r\nContent-Type: application/json\r\n"
    . "Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    . ("{$no,\"a\":\"" . 'x' x 30000 . '"}') =~ s/(.)/1\r\n$1\r\n/gr
    . "0\r\n\r\n");
like($long, qr/^HTTP\/1.1 422 .*"field":"alias"/s, 'a body of small chunks');

my $broken = raw("POST /api/v1/addresses HTTP/1.1\r\nHost: x\r\n"
    . "Authorization: Bearer $me->{key}\r\nContent-Type: application/json\r\n"
    . "Transfer-Encoding: chunked\r\nConnection: close\r\n\r\nnonsense\r\n");
like($broken, qr/^HTTP\/1.1 400 .*application\/json.*"error"/s,
    'nginx\'s own 400 is JSON');

# So is what it refuses before it looks for a location.
for my $case (
    [405, 'TRACE /api/v1/emails HTTP/1.1'],
    [414, 'GET /api/v1/' . 'x' x 40000 . ' HTTP/1.1'],
    [400, 'GET /api/v1/emails%00 HTTP/1.1'],
    [501, "POST /api/v1/addresses HTTP/1.1\r\nTransfer-Encoding: gzip"],
    ) {
    my ($status, $request) = @$case;
    like(raw("$request\r\nHost: x\r\nConnection: close\r\n\r\n"),
        qr/^HTTP\/1.1 $status .*application\/json.*\r\n\r\n\{"error"/s,
        "nginx's own $status is JSON");
}
like(raw("TRACE /html HTTP/1.1\r\nHost: x\r\n\r\n"),
    qr/^HTTP\/1.1 405 .*text\/html/s, 'but not on other paths');

# An unread body is not taken for the next request.
my $two = raw("POST /api/v1/nothing HTTP/1.1\r\nHost: x\r\n"
    . "Content-Length: 32\r\n\r\n" . 'GET /api/v1/evil HTTP/1.1  ' . "\r\n" . 'abc'
    . "GET /api/v1/server/domains HTTP/1.1\r\nHost: x\r\n"
    . "Connection: close\r\n\r\n");
is(scalar(my @answers = $two =~ m{HTTP/1\.1 \d}g), 2, 'two requests, two answers');
like($two, qr/"data":\["junkmail\.test"/, 'the second is the real one');

my $head = raw("HEAD /api/v1/server/domains HTTP/1.1\r\nHost: x\r\n"
    . "Connection: close\r\n\r\n");
like($head, qr/^HTTP\/1.1 200 .*Content-Length: \d+.*\r\n\r\n$/s, 'HEAD');

is($jm->http(GET => '/html')->{headers}{'content-type'}, 'text/html',
    'other paths keep nginx\'s own pages');

# --- limits -----------------------------------------------------------------

my $limited = 0;
for (1 .. 12) {
    $r = $jm->api(POST => '/accounts');
    $limited++ if $r->{status} == 429;
}
is($limited, 5, 'ten accounts an hour');
is_error($r, 429, 'RATE_LIMITED', 'the next');
ok($r->{headers}{'retry-after'} > 3500, 'Retry-After');

# --- the end of an account --------------------------------------------------

$r = $jm->api(DELETE => '/accounts/me', key => $you->{key});
is_deeply($r->{json}, { message => 'Account deleted successfully' },
    'DELETE /accounts/me');
is_error($jm->api(GET => '/accounts/me', key => $you->{key}), 401,
    'INVALID_API_KEY', 'its key is dead');

# --- the store away ---------------------------------------------------------

$redis->kill9;
is_error($jm->api(GET => '/accounts/me', key => $me->{key}), 503,
    'STORE_UNAVAILABLE', 'Redis is gone');
$r = $jm->http(GET => '/healthz');
is("$r->{status} " . ($r->{json}{failed} // ''), '503 redis', '/healthz');
is($jm->http(GET => '/index.html')->{status}, 200, 'static files are served');

$redis->start;
ok($jm->eventually(sub {
    ($r = $jm->api(GET => '/accounts/me', key => $me->{key}))->{status} == 200;
}), 'it comes back by itself') or diag($r->{body});

$redis->pause;
$r = $jm->api(GET => '/accounts/me', key => $me->{key});
is_error($r, 503, 'STORE_UNAVAILABLE', 'Redis is stopped');
$start = time();
is($jm->http(GET => '/index.html')->{status}, 200, 'static files are served');
is($jm->api(GET => '/accounts/me', key => $me->{key})->{status}, 503, 'still');
ok(time() - $start < 4.9, 'without another wait of five seconds');
ok($r->{headers}{'retry-after'}, 'Retry-After');
$redis->resume;
ok($jm->eventually(sub {
    $jm->api(GET => '/accounts/me', key => $me->{key})->{status} == 200;
}), 'it comes back by itself');

$jm->done;
done_testing;
