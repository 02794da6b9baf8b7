# A mail near the limit: spooled to a file, handed over, stored in pieces, read
# back in windows, whole and by range, also by a reader that dawdles; and one
# byte too much is refused, in step.

use strict;
use warnings;

use lib 't/lib';
use Digest::SHA qw(sha1_hex);
use IO::Socket::INET;
use JunkMail::Idle;
use JunkMail::Test;
use MIME::Base64;
use Test::More;
use Time::HiRes qw(sleep);

my $jm = JunkMail::Test->new;
my $me = $jm->account;
my $to = $jm->address($me, alias => 'big')->{address};

# Random, so that compression cannot make it small.
open(my $random, '<:raw', '/dev/urandom') or die $!;
read($random, my $bytes, 17 * 1024 * 1024) or die $!;

my $mail = "Subject: big\nMIME-Version: 1.0\nContent-Type: application/zip; "
         . "name=big.zip\nContent-Transfer-Encoding: base64\n\n"
         . encode_base64($bytes);

my $s = $jm->smtp;
like($s->send_mail($to, $mail), qr/^250 /, 'a mail of 23 MiB');

# A machine so busy that a worker takes over 7 s for it has it stored as it came.
for (1 .. 5) {
    last if $jm->read('junkmaild.log') !~ /took over/;
    unlink "$jm->{dir}/junkmaild.log";
    $jm->stop_junkmaild;
    $jm->start_junkmaild;
    my $raw = $jm->api(GET => '/emails', key => $me->{key})->{json}{data}[0];
    $jm->api(DELETE => "/emails/$raw->{id}?permanent=true", key => $me->{key});
    like($jm->smtp->send_mail($to, $mail), qr/^250 /, 'once more');
}

my $list = $jm->api(GET => '/emails', key => $me->{key})->{json};
is($list->{total}, 1, 'is there');
my $email = $jm->api(GET => "/emails/$list->{data}[0]{id}",
    key => $me->{key})->{json}{data};
is($email->{attachments}[0]{size}, length $bytes, 'with its attachment');

my $url = $email->{attachments}[0]{url};
my $r = $jm->http(GET => $url, key => $me->{key});
is($r->{headers}{'content-length'}, length $bytes, 'Content-Length');
is(sha1_hex($r->{body}), sha1_hex($bytes), 'whole and intact');

for my $range ([0, 9], [262_140, 262_150], [1_000_000, 3_000_000]) {
    my ($from, $to) = @$range;
    $r = $jm->http(GET => $url, key => $me->{key},
        headers => { Range => "bytes=$from-$to" });
    is($r->{status}, 206, "Range $from-$to");
    ok($r->{body} eq substr($bytes, $from, $to - $from + 1), 'its bytes');
}
$r = $jm->http(GET => $url, key => $me->{key},
    headers => { Range => 'bytes=-100' });
ok($r->{body} eq substr($bytes, -100), 'the last 100 bytes');
$r = $jm->http(GET => $url, key => $me->{key},
    headers => { Range => 'bytes=99999999-' });
is($r->{status}, 416, 'past the end');

$r = $jm->api(GET => "/emails/$email->{id}/source", key => $me->{key});
(my $crlf = $mail) =~ s/\n/\r\n/g;
ok(substr($r->{body}, -length $crlf) eq $crlf, 'the source is intact');

# A reader that dawdles holds one window, not the attachment.
my $slow = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
    PeerPort => $jm->{http_port});
setsockopt($slow, Socket::SOL_SOCKET(), Socket::SO_RCVBUF(), pack 'l', 1 << 18);
print $slow "GET $url HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer $me->{key}"
    . "\r\nConnection: close\r\n\r\n";
my $before = JunkMail::Idle::memory($jm->nginx_workers);
sleep 1;
SKIP: {
    skip 'ASan keeps freed memory for a while', 1 if $JunkMail::Test::SAN;
    cmp_ok(JunkMail::Idle::memory($jm->nginx_workers) - $before, '<', 4 << 20,
        'a slow reader costs no memory');
}
my ($got, $chunk) = ('');
while (sysread($slow, $chunk, 1 << 20)) {
    $got .= $chunk;
}
ok(substr($got, -length $bytes) eq $bytes, 'and gets it all');

# One that leaves half way.
$slow = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
    PeerPort => $jm->{http_port});
print $slow "GET $url HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer $me->{key}"
    . "\r\n\r\n";
sysread($slow, $chunk, 1000);
close $slow;
is($jm->http(GET => '/healthz')->{status}, 200, 'one that leaves does no harm');

# Too big: refused where it is announced, and where it is not.
like($s->cmd('MAIL FROM:<a@example.com> SIZE=26214401'), qr/^552 5\.3\.4 /,
    'announced too big');
like($s->cmd('MAIL FROM:<a@example.com>'), qr/^250 /, 'MAIL');
like($s->cmd("RCPT TO:<$to>"), qr/^250 /, 'RCPT');
like($s->cmd('DATA'), qr/^354 /, 'DATA');
$s->send("Subject: x\r\n\r\n" . ("x" x 998 . "\r\n") x 26_300 . ".\r\n");
like($s->reply, qr/^552 5\.3\.4 /, 'too big after all');
like($s->cmd('NOOP'), qr/^250 /, 'and still in step');

$jm->done;
done_testing;
