# junkmaild reclean: mail that another sanitiser made is made anew from its
# original, in place, while the service runs; flags, ids and counters stay, the
# version rises; mail that kills the parser is passed by.

use strict;
use warnings;

use lib 't/lib';
use JunkMail::Test;
use MIME::Base64;
use Socket;
use Test::More;

my $jm = JunkMail::Test->new(
    http  => 'junkmail_rate_limit off;',
    allow => qr/cannot be read, it stays|ended by signal/,
);
my $me    = $jm->account;
my $you   = $jm->account;
my $redis = $jm->{redis};
my ($A)   = $me->{key} =~ /^jm_live_(.{22})/;
my $box   = $jm->address($me, alias => 'box');
my $other = $jm->address($you, alias => 'other');

my $dot  = 'R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7';
my $mail = "From: Ada <ada\@example.net>\nSubject: code\nMIME-Version: 1.0\n"
         . "Content-Type: multipart/related; boundary=b\n\n--b\n"
         . "Content-Type: text/html\n\n<p>Your code is 482913</p>"
         . "<img src=\"cid:d\">\n--b\nContent-Type: image/gif\n"
         . "Content-ID: <d>\nContent-Transfer-Encoding: base64\n\n$dot\n--b--\n";

my $s = $jm->smtp;
$s->cmd('EHLO x');
like($s->send_mail($box->{address}, $mail, no_ehlo => 1), qr/^250 /,
    'a mail') for 1 .. 3;

# Over 256 KiB of text that does not compress: spilled.
my $large = "Subject: large\nContent-Type: text/plain\n\n"
          . join "\n", map { join '', map { chr 33 + rand 90 } 1 .. 76 }
            1 .. 8000;
like($s->send_mail($box->{address}, $large =~ s/^\./x/gmr, no_ehlo => 1),
    qr/^250 /, 'a large one');
like($s->send_mail($other->{address}, $mail, no_ehlo => 1), qr/^250 /,
    'one for another account');

my @ids = map { $_->{id} } @{ list()->{data} };
is(scalar @ids, 4, 'four are there');
my %before = map { $_ => email($_) } @ids;
my $keys   = keys_now();

# Run it: standard output and exit code.
sub reclean
{
    my $out = qx{$JunkMail::Test::BUILD/junkmaild -c $jm->{dir}/junkmail.conf reclean @_ 2>$jm->{dir}/err};
    return ($? >> 8) . " $out";
}

# All keys of mail, but the ids under which the large values lie.
sub keys_now
{
    return join ' ', sort map { s/:(bodies|detail|html|att):[-0-9a-f]{36}/:$1/r }
        grep { !/:idx:|:binned|:log$/ } @{ $redis->cmd('KEYS', "jm:{$A}:*") };
}

sub list { $jm->api(GET => '/emails', key => $me->{key})->{json} }

sub email
{
    my $r = $jm->api(GET => "/emails/$_[0]", key => $me->{key});
    return { %{ $r->{json}{data} }, etag => $r->{headers}{etag} };
}

# As an older sanitiser would have left it: other text, one attachment more.
sub age
{
    my ($id) = @_;
    my $key = "jm:{$A}:mail:$id";

    $redis->cmd('HSET', $key, 'cleaned', '1.0', 'a2', "3\ntext/plain\nx\n0",
        'summary', $redis->cmd('HGET', $key, 'summary')
            =~ s/482913/old/gr);
    $redis->cmd('SET', "jm:{$A}:att:"
        . ($redis->cmd('HGET', $key, 'blobs') // $id) . ':2', 'old');
}

like(reclean(), qr/^0 0 emails from another .*, 0 cleaned anew, 0 failed$/,
    'nothing to do');

age($_) for @ids;
$jm->api(PATCH => "/emails/$ids[0]", key => $me->{key},
    json => { isRead => JSON::PP::true(), isStarred => JSON::PP::true() });
$jm->api(DELETE => "/emails/$ids[1]", key => $me->{key});
my $ver = $redis->cmd('HGET', "jm:{$A}:mail:$ids[0]", 'ver');
my $log = $redis->cmd('XLEN', "jm:{$A}:log");

like(reclean('--dry-run'), qr/^0 4 emails .*, 0 cleaned anew, 0 failed$/,
    'a dry run');
is($redis->cmd('HGET', "jm:{$A}:mail:$ids[2]", 'cleaned'), '1.0',
    'changes nothing');
like(reclean('--account', ($you->{key} =~ /^jm_live_(.{22})/)), qr/^0 0 /,
    'another account only');

like(reclean(), qr/^0 4 emails .*, 4 cleaned anew, 0 failed$/, 'all');
is(keys_now(), $keys, 'no key more or less');

for my $id (@ids) {
    my $after = email($id);
    my %same  = map { $_ => 1 } qw(etag isRead isStarred isDeleted);
    is_deeply([map { $after->{$_} } grep { !$same{$_} } sort keys %$after],
              [map { $before{$id}{$_} } grep { !$same{$_} } sort keys %$after],
              'as it was delivered');
    isnt($after->{etag}, $before{$id}{etag}, 'under another version');
    for my $part ('html', $after->{subject} eq 'code' ? 'attachments/1' : ()) {
        my $r = $jm->http(GET => "/api/v1/emails/$id/$part",
            key => $me->{key});
        is($r->{status}, 200, "$part is there");
        is($r->{body}, decode_base64($dot), 'intact') if $part =~ /att/;
    }
    is($jm->http(GET => "/api/v1/emails/$id/attachments/2",
        key => $me->{key})->{status}, 404, 'the old attachment is gone');
    my $blobs = $redis->cmd('HGET', "jm:{$A}:mail:$id", 'blobs');
    like($redis->cmd('PTTL', $_), qr/^(?:-2|[1-9]\d{7,})$/,
        "$_ expires with its address")
        for map({ "jm:{$A}:$_:$id" } qw(mail raw)),
            map({ "jm:{$A}:$_:$blobs" } qw(bodies html)),
            "jm:{$A}:att:$blobs:1";
}

my $read = email($ids[0]);
ok($read->{isRead} && $read->{isStarred}, 'flags stay');
is($redis->cmd('HGET', "jm:{$A}:mail:$ids[0]", 'ver'), $ver + 1,
    'the version rises by one');
ok(email($ids[1])->{isDeleted}, 'the bin, too');
is(list()->{total}, 3, 'the list');
is($redis->cmd('XLEN', "jm:{$A}:log"), $log, 'no event');
like(reclean(), qr/^0 0 /, 'and again: nothing to do');

# The original is not what it should be; the others are done all the same.
age($_) for @ids[2, 3];
$redis->cmd('SET', "jm:{$A}:raw:$ids[2]",
    'x' x $redis->cmd('STRLEN', "jm:{$A}:raw:$ids[2]"));
like(reclean(), qr/^3 2 emails .*, 1 cleaned anew, 1 failed$/,
    'a damaged original is passed by');

# Without an original nothing can be done.
$redis->cmd('HSET', "jm:{$A}:mail:$ids[2]", 'raw', 0);
like(reclean(), qr/^0 0 /, 'no original');

# It goes on beside deliveries and changes.
age($_) for @ids[0, 1, 3];
my $pid = fork // die $!;
if (!$pid) {
    exec 'sh', '-c', "$JunkMail::Test::BUILD/junkmaild -c "
        . "$jm->{dir}/junkmail.conf reclean >$jm->{dir}/out 2>&1";
}
for (1 .. 5) {
    like($s->send_mail($box->{address}, $mail, no_ehlo => 1), qr/^250 /,
        'mail comes in meanwhile');
    $jm->api(PATCH => "/emails/$ids[0]", key => $me->{key},
        json => { isStarred => $_ & 1 ? JSON::PP::true() : JSON::PP::false() });
}
waitpid $pid, 0;
is($?, 0, 'while it is done');
ok(email($ids[0])->{isStarred}, 'no change is lost');
is($redis->cmd('HGET', "jm:{$A}:mail:$ids[0]", 'cleaned'),
    $redis->cmd('HGET', "jm:{$A}:mail:$ids[1]", 'cleaned'), 'all are done');

# One who reads slowly gets no bytes of both.
my $size = 12 * 1024 * 1024;
like($s->send_mail($box->{address}, "Subject: file\nMIME-Version: 1.0\n"
    . "Content-Type: application/octet-stream\n"
    . "Content-Transfer-Encoding: base64\n\n"
    . encode_base64('n' x $size), no_ehlo => 1), qr/^250 /, 'a large file');
my ($file) = grep { email($_)->{subject} eq 'file' }
             map { $_->{id} } @{ list()->{data} };
$redis->cmd('HSET', "jm:{$A}:mail:$file", 'cleaned', '1.0');
$redis->cmd('SET', "jm:{$A}:att:$file:1", 'o' x $size);

socket my $slow, PF_INET, SOCK_STREAM, 0 or die $!;
setsockopt $slow, SOL_SOCKET, SO_RCVBUF, 4096;
connect $slow, pack_sockaddr_in($jm->{http_port}, INADDR_LOOPBACK) or die $!;
syswrite $slow, "GET /api/v1/emails/$file/attachments/1 HTTP/1.1\r\n"
    . "Host: x\r\nConnection: close\r\nAuthorization: Bearer $me->{key}"
    . "\r\n\r\n";
sysread $slow, my $body, 2000;
like($body, qr/^HTTP.1.1 200 .*?\r\n\r\no+$/s, 'it begins as it was');
like(reclean(), qr/^0 1 emails .*, 1 cleaned anew, 0 failed$/, 'meanwhile');
1 while sysread $slow, $body, 65536, length $body;
$body =~ s/.*?\r\n\r\n//s;
cmp_ok(length $body, '<', $size, 'and is cut short');
is($body =~ tr/o//c, 0, 'with nothing of the new');
is($jm->http(GET => "/api/v1/emails/$file/attachments/1",
    key => $me->{key})->{body}, 'n' x $size, 'which the next one gets');

# An account that moves in the queue is not passed by.
my $stale = keys %{ { map { $_ => 1 } @ids[0, 1, 3] } };
age($_) for @ids[0, 1, 3];
my ($queue) = grep { defined $redis->cmd('ZSCORE', $_, "account:$A") }
              map { "jm:expire:$_" } 0 .. 15;
my $end = 4e12;
$redis->cmd('ZADD', $queue, map { $end + $_ => sprintf 'address:%s:%08x-0000-7'
    . '000-8000-000000000000', $A, $_ } $_ * 500 .. $_ * 500 + 499) for 0 .. 11;
my $mover = fork // die $!;
if (!$mover) {
    my $mine = JunkMail::Redis::Client->new($redis->{socket}, 'test',
        $redis->{password}{test});
    for (my $n = 0; ; $n++) {
        $mine->cmd('ZADD', $queue, $end + ($n & 1 ? 9e3 : -1), "account:$A");
    }
}
like(reclean('--dry-run'), qr/^0 $stale /, 'found where it is now')
    for 1 .. 10;
kill KILL => $mover;
waitpid $mover, 0;

like(reclean('--account', 'x'), qr/^2 /, 'a wrong account');
like(reclean('x'), qr/^2 /, 'a wrong word');

$s->cmd('QUIT');
$jm->done;
done_testing;
