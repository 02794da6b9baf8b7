#!/usr/bin/perl

# REST: pages of other origins.  Off by default; with junkmail_cors exactly the
# origins of the list, never with credentials, preflights without the store.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use JunkMail::Test;
use Test::More;

my $ORIGIN = 'https://mail.example';

my $jm = JunkMail::Test->new(junkmaild => 0, http => <<"CONF");
location /api/v1/server/ {
    junkmail_api;
}
junkmail_cors http://other.example:8080 $ORIGIN;
location /api/v1/keys {
    junkmail_api;
    junkmail_cors off;
}
CONF

sub preflight
{
    my ($path, $origin, %more) = @_;

    return $jm->http(OPTIONS => $path, headers => {
        Origin => $origin, 'Access-Control-Request-Method' => 'PATCH', %more });
}

sub allowed { $_[0]{headers}{'access-control-allow-origin'} }

# Answers.

my $r = $jm->api(GET => '/server/domains', headers => { Origin => $ORIGIN });
is($r->{status}, 200, 'a request');
is(allowed($r), $ORIGIN, 'of the list may be read');
is($r->{headers}{vary}, 'Origin', 'Vary');
like($r->{headers}{'access-control-expose-headers'}, qr/\bETag\b/, 'ETag too');
is($r->{headers}{'access-control-allow-credentials'}, undef,
    'no credentials');

$r = $jm->api(GET => '/server/domains',
    headers => { Origin => 'http://other.example:8080' });
is(allowed($r), 'http://other.example:8080', 'the other one');

for my $bad ("$ORIGIN.evil", 'https://mail.exampl', 'http://mail.example',
    uc $ORIGIN, 'null', '')
{
    $r = $jm->api(GET => '/server/domains', headers => { Origin => $bad });
    is(allowed($r), undef, "origin '$bad'");
    is($r->{headers}{vary}, 'Origin', 'but Vary');
}

$r = $jm->api(GET => '/accounts/me', headers => { Origin => $ORIGIN });
is("$r->{status} " . allowed($r), "401 $ORIGIN", 'errors can be read, too');

# Preflights.

$jm->{redis}->pause;
$r = preflight('/api/v1/emails', $ORIGIN);
$jm->{redis}->resume;
is($r->{status}, 204, 'preflight, the store standing still');
is(allowed($r), $ORIGIN, 'allowed');
is($r->{headers}{'access-control-allow-methods'}, 'GET, HEAD, PATCH',
    'the methods of the path');
like($r->{headers}{'access-control-allow-headers'}, qr/Authorization/,
    'the key\'s header');
is($r->{headers}{'access-control-max-age'}, 7200, 'kept');
is($r->{body}, '', 'no body');

is(preflight('/api/v1/emails', 'https://evil.example')->{status}, 405,
    'another origin');
is(preflight('/api/v1/nothing', $ORIGIN)->{status}, 404, 'no such path');
$r = $jm->http(OPTIONS => '/api/v1/emails', headers => { Origin => $ORIGIN });
is("$r->{status} $r->{headers}{allow}", '405 GET, HEAD, PATCH',
    'OPTIONS that is no preflight');

# Off.

$r = preflight('/api/v1/keys', $ORIGIN);
is($r->{status}, 405, 'switched off in a location');
is(allowed($r), undef, 'no header');
is($r->{headers}{vary}, undef, 'no Vary');

is($jm->http(GET => '/index.html', headers => { Origin => $ORIGIN })
    ->{headers}{'access-control-allow-origin'}, undef, 'only the API');

like($jm->check_conf(http => "junkmail_cors $_;"), qr/emerg.*nginx.conf:\d+/,
    "junkmail_cors $_: refused")
    for 'on', 'mail.example', 'https://mail.example/',
        'off https://a.example', "$ORIGIN; junkmail_cors off";
like($jm->check_conf, qr/test is successful/, 'the others not');

$jm->done;
done_testing;
