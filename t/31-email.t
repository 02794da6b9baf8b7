#!/usr/bin/perl

# REST: reading and changing mail.  The mail is put into the store as the
# backend does it, so that every size and shape is at hand: blobs below and
# above the 256 KiB at which they get a key of their own, attachments in
# windows, lists past their limit of bodies.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Compress::Raw::Zlib;
use Compress::Zlib qw(memGzip memGunzip crc32);
use IO::Socket::INET;
use JSON::PP;
use JunkMail::Test;
use Test::More;
use Time::HiRes qw(sleep time);

my $narrow = JunkMail::Test->free_port;
my $jm     = JunkMail::Test->new(junkmaild => 0, http => <<"CONF");
listen 127.0.0.1:$narrow sndbuf=8k;
if (\$arg_slow) {
    set \$limit_rate 400k;
}
CONF

my $json  = JSON::PP->new->utf8->canonical;
my $redis = $jm->{redis};
$redis->cmd('ZADD', 'jm:domains', 1, 'junkmail.test');
$redis->cmd('HSET', 'jm:domain:{junkmail.test}', policy => 'closed',
    state => 'active');

my $me   = $jm->account;
my $you  = $jm->account;
my $home = $jm->address($me, alias => 'home');
my $side = $jm->address($me, alias => 'side');

# Bytes that do not compress, the same at each run.
sub noise
{
    my ($n, $seed) = @_;

    srand($seed || 1);
    return join '', map { chr(33 + int(rand(90))) } 1 .. $n;
}

# { what lies in the field, what lies in a key of its own }
sub blob
{
    my ($plain, $packed) = @_;

    if (!defined $packed) {
        my ($d) = Compress::Raw::Zlib::Deflate->new(-WindowBits => -15,
            -AppendOutput => 1);
        $d->deflate($plain, $packed = '');
        $d->flush($packed, Z_SYNC_FLUSH);
    }

    my $head = pack 'VVV', crc32($plain), length $plain, length $packed;
    my $spilled = length $packed > 256 * 1024;

    return [$spilled ? $head : $head . $packed, $spilled ? $packed : ''];
}

my $number = 0;

# Delivers one email; returns its id.
sub deliver
{
    my ($address, %mail) = @_;

    my $id = sprintf '0190%04x-%04x-7000-8000-%012x', time() % 65536,
        ++$number, $number;
    my $a = "jm:{$me->{id}}";

    my $text   = $mail{text} // 'Hello.';
    my $html   = $mail{html} // '<p>Hello.</p>';
    my $bodies = blob(',"bodyText":' . $json->allow_nonref->encode($text)
        . ',"bodyHtml":' . $json->encode($html));
    my $detail = blob($mail{detail} // ',"attachments":[],"headers":{},'
        . '"trackers":[],"removed":{},"warnings":[],"links":[],'
        . '"authentication":{},"remoteImages":[]');
    my $page   = $mail{page} // "<!doctype html>$html";
    my $gzip   = blob($page, memGzip(my $p = $page));
    my $raw    = memGzip(my $r = $mail{raw} // "Subject: x\r\n\r\nHello.\r\n");

    my @att   = @{ $mail{attachments} || [] };
    my $subject = $json->encode($mail{subject} // "Number $number");
    my $summary = qq("id":"$id","addressId":"$address->{id}",)
        . qq("type":"received","from":"a\@b.test","fromName":"A",)
        . qq("to":"$address->{address}","subject":$subject,)
        . qq("receivedAt":"2026-01-01T00:00:00.000Z","size":1,)
        . qq("preview":"Hello.","codes":[],"trackersRemoved":0);

    $redis->cmd('SET', "$a:bodies:$id", $bodies->[1]) if $bodies->[1] ne '';
    $redis->cmd('SET', "$a:detail:$id", $detail->[1]) if $detail->[1] ne '';
    $redis->cmd('SET', "$a:html:$id",   $gzip->[1])   if $gzip->[1] ne '';
    $redis->cmd('SET', "$a:raw:$id", $raw) if !$mail{no_raw};
    for my $n (1 .. @att) {
        $redis->cmd('SET', "$a:att:$id:$n", $att[$n - 1][1])
            if length $att[$n - 1][1];
    }

    my $reply = $redis->cmd('FCALL', 'jm_email_deliver', 1, $a,
        sprintf('%032x', $number), '1.0', 1000, @att ? 1 : 0,
        $mail{no_raw} ? 0 : length $raw, $bodies->[0],
        $mail{no_html} ? '' : $gzip->[0], scalar @att,
        (map { length($_->[1]) . "\n$_->[0]" } @att),
        1, $id, $address->{id}, $mail{search} // 'a b hello', $summary,
        $detail->[0]);
    die "deliver: $reply" if ref $reply ne 'ARRAY' || $reply->[0] ne 'OK';

    return $id;
}

sub get
{
    my ($path, %opt) = @_;

    return $jm->api(GET => $path, key => $me->{key}, %opt);
}

# Equal, without a screenful of bytes when not.
sub same
{
    my ($got, $want, $name) = @_;

    ok(($got // '') eq $want, $name)
        or diag(length($got // '') . ' bytes instead of ' . length $want);
}

# --- one email --------------------------------------------------------------

my $text = "Gr\x{fc}\x{df}e \"quoted\"";
my $first = deliver($home, text => $text, html => undef, subject => 'First');

my $r = get("/emails/$first", gzip => 1);
is($r->{status}, 200, 'GET /emails/:id');
is($r->{headers}{'content-encoding'}, 'gzip', 'as gzip');
is($r->{headers}{'content-length'}, length $r->{wire}, 'its length is known');
is($r->{headers}{etag}, "\"$first-1-gz\"", 'ETag');
is($r->{headers}{vary}, 'Accept-Encoding', 'Vary');
is($r->{headers}{'cache-control'}, 'private, no-cache', 'Cache-Control');
my $mail = $r->{json}{data};
is($mail->{id}, $first, 'its id');
is($mail->{bodyText}, $text, 'its text');
is_deeply($mail->{attachments}, [], 'its attachments');
ok(!$mail->{isRead}, 'not read yet');
ok(!exists $mail->{hasAttachments}, 'no hasAttachments in an Email');

my $plain = get("/emails/$first");
ok(!$plain->{headers}{'content-encoding'}, 'plain for who cannot gzip');
is($plain->{headers}{etag}, "\"$first-1\"", 'another ETag');
is($plain->{body}, $r->{body}, 'the same JSON');

for my $case (
    ["\"$first-1-gz\"", 1, 304], ["\"$first-1\"", 1, 200], ['*', 1, 304],
    ["\"$first-1\"", 0, 304],    ["W/\"$first-1\"", 0, 304],
    ["\"x\", W/\"$first-1\" , \"y\"", 0, 304], ['"x"', 0, 200],
    ) {
    my ($tag, $gzip, $status) = @$case;
    $r = get("/emails/$first", gzip => $gzip,
        headers => { 'If-None-Match' => $tag });
    is($r->{status}, $status, "If-None-Match: $tag");
    is($r->{body}, '', 'no body') if $status == 304;
}

$r = $jm->api(HEAD => "/emails/$first", key => $me->{key});
is("$r->{status} $r->{body}", '200 ', 'HEAD');
ok($r->{headers}{etag}, 'with ETag');

for my $path ("/emails/$first", "/emails/$first/html", "/emails/$first/source",
    '/emails/x', '/emails/01900000-0000-7000-8000-000000000000')
{
    $r = $jm->api(GET => $path, key => $you->{key});
    is("$r->{status} $r->{json}{code}", '404 NOT_FOUND', 'another\'s email');
    like($r->{json}{error}, qr/^Email not found/, 'its text');
}
is(get('/emails/x', key => 'bad')->{status}, 401, 'the key comes first');

# --- bodies larger than a window --------------------------------------------

my $noise = noise(900_000);
my $large = deliver($home, text => $noise, detail => ',"attachments":[],'
    . '"links":' . $json->encode([noise(500_000, 2)]));
for my $gzip (0, 1) {
    $r = get("/emails/$large", gzip => $gzip);
    is($r->{status}, 200, 'a large email');
    same($r->{json}{data}{bodyText}, $noise, 'its text, in windows');
    same($r->{json}{data}{links}[0], noise(500_000, 2), 'its links as well');
}
is($r->{headers}{'content-length'}, length $r->{wire}, 'its length is known');

# --- the page, the original -------------------------------------------------

$r = get("/emails/$first/html", gzip => 1);
is($r->{status}, 200, 'GET /emails/:id/html');
is($r->{headers}{'content-type'}, 'text/html; charset=utf-8', 'its type');
is($r->{headers}{'content-security-policy'}, "default-src 'none'; "
    . "style-src 'unsafe-inline'; img-src 'self'; base-uri 'none'; "
    . "form-action 'none'; frame-ancestors 'self'; "
    . 'sandbox allow-same-origin allow-popups allow-popups-to-escape-sandbox', 'its policy');
is($r->{headers}{'x-content-type-options'}, 'nosniff', 'nosniff');
is($r->{headers}{'referrer-policy'}, 'no-referrer', 'no referrer');
is($r->{headers}{'x-dns-prefetch-control'}, 'off', 'no DNS prefetch');
like($r->{body}, qr/^<!doctype html>/, 'the page');
is(get("/emails/$first/html")->{body}, $r->{body}, 'the same unpacked');

my $page = '<!doctype html>' . noise(1_500_000, 3);
my $wide = deliver($home, page => $page);
same(get("/emails/$wide/html", gzip => 1)->{body}, $page, 'a large page');
same(get("/emails/$wide/html")->{body}, $page, 'the same unpacked');
is(get("/emails/$wide/html", gzip => 1,
    headers => { 'If-None-Match' => "\"$wide-1-gz\"" })->{status}, 304,
    'a page not modified');

$r = get("/emails/$first/source", gzip => 1);
is($r->{headers}{'content-type'}, 'message/rfc822', 'GET /emails/:id/source');
is($r->{body}, "Subject: x\r\n\r\nHello.\r\n", 'the original');
my $none = deliver($home, no_raw => 1, no_html => 1);
is(get("/emails/$none/source")->{status}, 404, 'an original not kept');
is(get("/emails/$none/html")->{status}, 404, 'no page');

# --- attachments and ranges -------------------------------------------------

my $file  = noise(700_000, 4);
my $files = deliver($side, attachments => [
    ["application/pdf\nattachment; filename=\"a.pdf\"\n0", $file],
    ["image/png\ninline\n1", 'PNG'],
    ["text/plain\nattachment\n0", ''],
    ["text/plain\r\nattachment\n1", 'bad'],
]);

my $path = "/emails/$files/attachments";
$r = get("$path/1", gzip => 1);
is($r->{status}, 200, 'GET /emails/:id/attachments/:n');
same($r->{body}, $file, 'its bytes, in windows');
ok(!$r->{headers}{'content-encoding'}, 'never packed');
is($r->{headers}{'content-type'}, 'application/pdf', 'its type');
is($r->{headers}{'content-disposition'}, 'attachment; filename="a.pdf"',
    'its name');
is($r->{headers}{'accept-ranges'}, 'bytes', 'ranges');
is($r->{headers}{etag}, "\"$files-1\"", 'ETag');
is($r->{headers}{'cross-origin-resource-policy'}, 'same-origin', 'CORP');
is($r->{headers}{'content-security-policy'}, "default-src 'none'; sandbox",
    'its policy');
is(get("$path/3")->{body}, '', 'an empty one');
is(get("$path/4")->{headers}{'content-type'}, 'application/octet-stream',
    'a header that holds a CR is not repeated');
for my $n (0, 5, 'x', '01', '99999', '-1') {
    is(get("$path/$n")->{status}, 404, "attachment $n");
}

my $end = length($file) - 1;
for my $case (
    ['bytes=0-9',           0,           9],
    ['bytes=5-',            5,           $end],
    ['bytes=-7',            $end - 6,    $end],
    ['bytes=-9999999',      0,           $end],
    ['bytes=100-9999999',   100,         $end],
    ['bytes=1000-400000',   1000,        400_000],
    ["bytes=$end-",         $end,        $end],
    ) {
    my ($range, $from, $to) = @$case;
    $r = get("$path/1", headers => { Range => $range });
    is($r->{status}, 206, "Range: $range");
    is($r->{headers}{'content-range'}, "bytes $from-$to/" . ($end + 1),
        'Content-Range');
    same($r->{body}, substr($file, $from, $to - $from + 1), 'its bytes');
}
for my $range ('bytes=700000-', 'bytes=-0', 'bytes=99999999999999999999-') {
    $r = get("$path/1", headers => { Range => $range });
    is($r->{status}, 416, "Range: $range");
    is($r->{headers}{'content-range'}, 'bytes */700000', 'Content-Range');
}
for my $range ('bytes=1-2,4-5', 'bytes=5-2', 'bytes=-', 'bytes=x-1', 'lines=1-2')
{
    $r = get("$path/1", headers => { Range => $range });
    is("$r->{status} " . length $r->{body}, '200 700000', "Range: $range");
}
for my $case (["\"$files-1\"", 206], ["\"$files-2\"", 200],
    ["W/\"$files-1\"", 200])
{
    $r = get("$path/1", headers => { Range => 'bytes=0-9',
        'If-Range' => $case->[0] });
    is($r->{status}, $case->[1], "If-Range: $case->[0]");
}
$r = $jm->api(HEAD => "$path/1", key => $me->{key});
is($r->{headers}{'content-length'}, 700_000, 'HEAD');

same(get("$path/1?slow=1")->{body}, $file, 'a limited rate');

# A client that reads slowly, and one that leaves.
for my $leave (0, 1) {
    my $s = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
        PeerPort => $narrow) or die;
    print $s "GET /api/v1$path/1 HTTP/1.1\r\nHost: x\r\n"
        . "Authorization: Bearer $me->{key}\r\nConnection: close\r\n\r\n";
    my ($got, $n) = ('', 0);
    while (sysread($s, my $some, 40_000)) {
        $got .= $some;
        last if $leave && length $got > 100_000;
        sleep 0.05 if $n++ < 20;
    }
    same(substr($got, -length $file), $file, 'a slow reader') if !$leave;
}

# --- views ------------------------------------------------------------------

$r = $jm->api(POST => "/emails/$files/view", key => $me->{key});
is($r->{status}, 200, 'POST /emails/:id/view');
my $url = $r->{json}{data}{url};
like($url, qr{^/api/v1/view/[0-9A-Za-z]{65}/$}, 'its address');
is($r->{headers}{'cache-control'}, 'no-store', 'not cached');
$r = $jm->http(GET => $url);
is($r->{status}, 200, 'the page without a key');
like($r->{headers}{'content-security-policy'}, qr/sandbox/, 'its policy');
$r = $jm->http(GET => "${url}attachments/2");
is("$r->{status} $r->{body}", '200 PNG', 'an inline image');
is($r->{headers}{'cross-origin-resource-policy'}, 'cross-origin', 'its CORP');
is($jm->http(GET => "${url}attachments/1")->{status}, 404, 'nothing else');
(my $forged = $url) =~ s{(.)/$}{($1 eq 'a' ? 'b' : 'a') . '/'}e;
for my $bad ($forged, '/api/v1/view/x/') {
    $r = $jm->http(GET => $bad);
    is("$r->{status} $r->{json}{code}", '404 NOT_FOUND', 'another ticket');
}
is($jm->api(POST => "/emails/$files/view", key => $you->{key})->{status}, 404,
    'another\'s email');
my ($ticket) = $url =~ m{([^/]+)/$};
unlike($jm->read($_), qr/\Q$ticket\E/, "no ticket in $_")
    for 'access.log', 'error.log';

# --- lists ------------------------------------------------------------------

$r = get('/emails', gzip => 1);
is($r->{status}, 200, 'GET /emails');
is_deeply([map { $_->{id} } @{ $r->{json}{data} }],
    [$files, $none, $wide, $large, $first], 'newest first');
is_deeply([@{ $r->{json} }{qw(total limit offset)}], [5, 50, 0], 'the page');
my ($listed) = grep { $_->{id} eq $first } @{ $r->{json}{data} };
is($listed->{bodyText}, $text, 'with bodies');
ok(exists $listed->{hasAttachments}, 'and hasAttachments');
my ($omitted) = grep { $_->{id} eq $large } @{ $r->{json}{data} };
ok($omitted->{bodiesOmitted}, 'a large one without');
ok(exists $omitted->{bodyText} && !defined $omitted->{bodyText}, 'they are null');
is_deeply(get('/emails')->{json}, $r->{json}, 'the same unpacked');

$r = get('/emails?fields=summary');
ok(!exists $r->{json}{data}[0]{bodyText}, 'fields=summary');
for my $name (qw(address_id addressId)) {
    is(get("/emails?$name=$side->{id}")->{json}{total}, 1, $name);
}
for my $id ('x', '01900000-0000-7000-8000-000000000000') {
    $r = get("/emails?address_id=$id");
    is("$r->{status} $r->{json}{error}", '404 Address not found', 'unknown');
}
is($jm->api(GET => "/emails?address_id=$home->{id}", key => $you->{key})
    ->{status}, 404, 'another\'s address');
$r = get("/emails?limit=2&offset=1");
is_deeply([map { $_->{id} } @{ $r->{json}{data} }], [$none, $wide], 'offset');
$r = get("/emails?limit=1000&after=$wide");
is_deeply([map { $_->{id} } @{ $r->{json}{data} }], [$large, $first], 'after');
is($r->{json}{limit}, 100, 'limit is at most 100');
is_deeply(get('/emails?type=sent')->{json},
    { data => [], total => 0, limit => 50, offset => 0 }, 'type=sent');
is(get('/emails?type=sent', key => 'bad')->{status}, 401, 'with a key');
is(get('/emails?type=received')->{json}{total}, 5, 'type=received');
is(get('/emails?q=HELL%C3%B6+b')->{json}{total}, 5, 'q is folded');
is(get('/emails?q=nothing')->{json}{total}, 0, 'q finds nothing');
for my $bad ('limit=-1', 'offset=x', 'type=x', 'unread=1', 'starred=yes',
    'is_deleted=', 'after=x', 'fields=x', 'q=%FF', 'q=' . 'x' x 201)
{
    my ($field) = $bad =~ /^(\w+)/;
    $r = get("/emails?$bad");
    is("$r->{status} " . ($r->{json}{field} // ''), "422 $field", $bad);
}
is(get('/emails?unread=true&starred=true')->{status}, 422, 'two views');

# More bodies than a list carries.
my $crowd = $jm->address($me, alias => 'crowd');
deliver($crowd, text => 'x' x 1_000_000) for 1 .. 6;
$r = get("/emails?address_id=$crowd->{id}", gzip => 1);
is(scalar(grep { $_->{bodiesOmitted} } @{ $r->{json}{data} }), 2,
    'bodies stop at 4 MiB');
ok(length $r->{wire} < 50_000, 'few bytes on the wire');

# --- changes ----------------------------------------------------------------

sub patch
{
    my ($path, $body) = @_;

    return $jm->api(PATCH => $path, key => $me->{key}, json => $body);
}

$r = patch("/emails/$first", { isRead => JSON::PP::true });
is($r->{status}, 200, 'PATCH /emails/:id');
ok($r->{json}{data}{isRead}, 'it is read');
ok(exists $r->{json}{data}{hasAttachments} && !exists $r->{json}{data}{bodyText},
    'answered as a list item without bodies');
is(get("/emails/$first")->{headers}{etag}, "\"$first-2\"", 'a new version');
is(get('/emails?unread=true&limit=1')->{json}{total}, 10, 'unread=true');
is(patch("/emails/$first", { isStarred => JSON::PP::true })->{status}, 200,
    'starred');
is(get('/emails?starred=true')->{json}{data}[0]{id}, $first, 'starred=true');
for my $field (qw(isRead isStarred isDeleted)) {
    for my $value (1, 'true', undef, []) {
        $r = patch("/emails/$first", { $field => $value });
        is("$r->{status} $r->{json}{field}", "422 $field", 'no boolean');
    }
}
is(patch('/emails/x', {})->{status}, 404, 'no such email');
is($jm->api(PATCH => "/emails/$first", key => $you->{key}, json =>
    { isRead => JSON::PP::false })->{status}, 404, 'another\'s email');

$r = patch('/emails', { ids => [$first, $large, $first,
    '01900000-0000-7000-8000-000000000000'], isRead => JSON::PP::true });
is_deeply($r->{json}, { data => { updated => 2 } }, 'PATCH /emails with ids');
$r = patch('/emails', { addressId => $crowd->{id}, isRead => JSON::PP::true });
is_deeply($r->{json}, { data => { updated => 6 } }, 'with addressId');
is(patch('/emails', { addressId => 'x', isRead => JSON::PP::true })->{status},
    404, 'an unknown address');
for my $bad ({}, { ids => 'x' }, { ids => ['x'] }, { ids => [1] },
    { ids => [($first) x 101] })
{
    $r = patch('/emails', { %$bad, isRead => JSON::PP::true });
    is("$r->{status} $r->{json}{field}", '422 ids', 'bad ids');
}
is(patch('/emails', { ids => [$first], addressId => $crowd->{id} })->{status},
    422, 'both');

# More than one slice.
my $many = $jm->address($me, alias => 'many');
deliver($many) for 1 .. 510;
$r = patch('/emails', { addressId => $many->{id}, isRead => JSON::PP::true });
is($r->{json}{data}{updated}, 510, 'all of an address, in slices');
is(get("/emails?address_id=$many->{id}&unread=true")->{json}{total}, 0,
    'all read');

$r = $jm->api(DELETE => "/emails/$first", key => $me->{key});
is_deeply($r->{json}, { message => 'Email deleted successfully' }, 'DELETE');
is(get('/emails?is_deleted=true')->{json}{data}[0]{id}, $first, 'in the bin');
is(patch("/emails/$first", { isDeleted => JSON::PP::false })->{status}, 200,
    'out of the bin');
is($jm->api(DELETE => "/emails/$first", key => $me->{key})->{status}, 200,
    'to the bin') for 1 .. 2;
is(get("/emails/$first")->{status}, 404, 'the second delete removes it');
is($jm->api(DELETE => "/emails/$large?permanent=true", key => $me->{key})
    ->{status}, 200, 'permanent=true');
is(get("/emails/$large")->{status}, 404, 'gone at once');
is($jm->api(DELETE => "/emails/$large", key => $me->{key})->{status}, 404,
    'a second time');
is($jm->api(DELETE => "/emails/$wide?permanent=x", key => $me->{key})
    ->{status}, 422, 'permanent=x');
is($jm->api(DELETE => "/emails/$wide", key => $you->{key})->{status}, 404,
    'another\'s email');

$jm->done;
done_testing;
