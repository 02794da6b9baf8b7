# SMTPUTF8 (RFC 6531; 14, 21 and 27 of the checklist): UTF-8 in paths with the
# keyword only, malformed never; handed over with it; Received: says so.

use strict;
use warnings;

use lib 't/lib';
use JunkMail::LMTP;
use JunkMail::Test;
use Test::More;

my $jm = JunkMail::Test->new(junkmaild => 0,
    stream => 'junkmail_errors 100;');
my $lmtp = JunkMail::LMTP->new(path => $jm->lmtp_socket);

my $redis = $jm->{redis};
$redis->cmd('HSET', 'jm:domain:{junkmail.test}', policy => 'closed',
    state => 'active');
$redis->cmd('ZADD', 'jm:domains', 1, 'junkmail.test');

my $me    = $jm->account;
my $ascii = $jm->address($me, alias => 'one')->{address};
my $utf8  = "gr\xc3\xbc\xc3\x9fe\@junkmail.test";
$jm->address($me, alias => "gr\x{fc}\x{df}e");

# The codes of these commands' replies.
sub codes
{
    my ($s, @lines) = @_;

    return join ' ', map { $s->cmd($_) =~ /^(\d+ [\d.]+)/ ? $1 : '?' } @lines;
}

subtest 'announced with 8BITMIME' => sub {
    my $ehlo = $jm->smtp->cmd('EHLO x');
    like($ehlo, qr/^250-SMTPUTF8\r$/m, 'SMTPUTF8');
    like($ehlo, qr/^250-8BITMIME\r$/m, '8BITMIME');
};

subtest 'only with the keyword' => sub {
    my $s = $jm->session();
    is(codes($s, "MAIL FROM:<j\xc3\xb6rg\@b.example>",
        "MAIL FROM:<a\@b\xc3\xbccher.example>",
        "MAIL FROM:<j\xc3\xb6rg\@b.example> SMTPUTF8=yes",
        'MAIL FROM:<a@b.example>', "RCPT TO:<$utf8>", "RCPT TO:<$ascii>",
        'RSET', "MAIL FROM:<j\xc3\xb6rg\@b\xc3\xbccher.example> SMTPUTF8",
        "RCPT TO:<$utf8>", "RCPT TO:<$ascii>", 'RSET',
        'MAIL FROM:<> SMTPUTF8', "RCPT TO:<$utf8>", 'RSET',
        'MAIL FROM:<>', "RCPT TO:<$utf8>"),
       '553 5.6.7 553 5.6.7 501 5.5.4 250 2.1.0 553 5.6.7 250 2.1.5 '
       . '250 2.0.0 250 2.1.0 250 2.1.5 250 2.1.5 250 2.0.0 '
       . '250 2.1.0 250 2.1.5 250 2.0.0 250 2.1.0 553 5.6.7',
       'MAIL and RCPT');

    is(codes($s, "VRFY $utf8", "VRFY $utf8 SMTPUTF8", "VRFY \xc3 SMTPUTF8",
        'VRFY one SMTPUTF8'),
       '553 5.6.7 252 2.5.0 501 5.1.3 252 2.5.0', 'VRFY');
};

subtest 'malformed' => sub {
    my %bad = (
        "\xc3"             => 'cut short',
        "\x80"             => 'a continuation alone',
        "\xc0\xaf"         => 'overlong, two octets',
        "\xe0\x80\xaf"     => 'overlong, three',
        "\xf0\x80\x80\xaf" => 'overlong, four',
        "\xed\xa0\x80"     => 'a surrogate',
        "\xf4\x90\x80\x80" => 'beyond U+10FFFF',
        "\xff"             => 'no UTF-8 at all',
        "\xc2\x85"         => 'a C1 control character',
    );
    my $s = $jm->session();
    for my $text (sort keys %bad) {
        is(codes($s, "MAIL FROM:<a${text}b\@b.example> SMTPUTF8"),
            '501 5.1.7', "$bad{$text}, sender");
        is(codes($s, 'MAIL FROM:<> SMTPUTF8',
            "RCPT TO:<a${text}b\@junkmail.test>", 'RSET'),
            '250 2.1.0 501 5.1.3 250 2.0.0', "$bad{$text}, recipient");
    }
};

subtest 'handed over' => sub {
    for my $tls (0, 1) {
        my $s = $jm->session(tls => $tls);
        is(codes($s, "MAIL FROM:<j\xc3\xb6rg\@b.example> SMTPUTF8 BODY=8BITMIME",
            "RCPT TO:<$utf8>", 'DATA'), '250 2.1.0 250 2.1.5 ?', 'accepted');
        $s->send("Subject: Gr\xc3\xbc\xc3\x9fe\r\n\r\n\xff\r\n.\r\n");
        like($s->reply, qr/^250/, 'stored');

        my ($seen) = $lmtp->seen(1);
        like($seen->{mail}, qr/^MAIL FROM:<j\xc3\xb6rg\@b\.example>.* SMTPUTF8\b/,
            'MAIL with SMTPUTF8');
        is($seen->{rcpt}[0], "RCPT TO:<$utf8>", 'RCPT as it came');
        like($seen->{message}, $tls ? qr/ with UTF8SMTPS \(TLS/
                                    : qr/ with UTF8SMTP\r\n/, 'Received:');
        like($seen->{message}, qr/\r\n\tfor <\Q$utf8\E>;/, 'for');
        like($seen->{message}, qr/\r\n\r\n\xff\r\n\z/, '8 bit clean');
        $lmtp->clear;
    }

    my $s = $jm->session();
    codes($s, 'MAIL FROM:<a@b.example>', "RCPT TO:<$ascii>", 'DATA');
    $s->send("Subject: x\r\n\r\n.\r\n");
    $s->reply;
    my ($seen) = $lmtp->seen(1);
    unlike($seen->{mail}, qr/SMTPUTF8/, 'not without need');
    like($seen->{message}, qr/ with ESMTP\r\n/, 'ESMTP');
};

subtest 'a server without SMTPUTF8' => sub {
    $lmtp->stop;
    $lmtp = JunkMail::LMTP->new(path => $jm->lmtp_socket,
        plan => [{ caps => ['PIPELINING', '8BITMIME'] }]);
    my $s = $jm->session();
    codes($s, 'MAIL FROM:<> SMTPUTF8', "RCPT TO:<$utf8>", 'DATA');
    $s->send("Subject: x\r\n\r\n.\r\n");
    like($s->reply, qr/^5\d\d 5\.6\.7/, 'the message is refused');
};

$lmtp->stop;
$jm->done;
done_testing;
