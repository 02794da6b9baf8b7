# The SMTP dialogue: greeting, EHLO, sequence, parameters, replies, pipelining,
# STARTTLS, limits, what no client should send, and the access log.
#
# The numbers are those of a receiving server's duties, in all of t/1*.t and
# t/unit/test_session.c: 1 greeting, 2 clients that leave or speak otherwise,
# 3 early talkers, 4 to 6 EHLO and verbs, 7 to 15 MAIL and RCPT, 16 to 22 DATA,
# 23 SIZE, 24 PIPELINING, 25 STARTTLS, 26 ENHANCEDSTATUSCODES, 27 SMTPUTF8,
# 28 CHUNKING, 29 no DSN, 30 LIMITS, 31 AUTH, VRFY and the rest.

use strict;
use warnings;

use lib 't/lib';
use IO::Select;
use JunkMail::LMTP;
use JunkMail::Test;
use Socket qw(SOL_SOCKET SO_LINGER);
use Test::More;
use Time::HiRes qw(sleep);

my $hasty = JunkMail::Test->free_port;
my $jm = JunkMail::Test->new(
    junkmaild => 0,
    streams   => "server { listen 127.0.0.1:$hasty; junkmail_smtp;"
        . 'junkmail_backend unix:@DIR@/lmtp.sock; junkmail_timeout 2s; }',
    stream    => 'junkmail_errors 8; junkmail_unknown_recipients 8;'
        . 'junkmail_recipients 100; junkmail_transactions 5;',
);
my $lmtp = JunkMail::LMTP->new(path => $jm->lmtp_socket);

my $redis = $jm->{redis};
$redis->cmd('HSET', 'jm:domain:{junkmail.test}', policy => 'closed',
    state => 'active');
$redis->cmd('ZADD', 'jm:domains', 1, 'junkmail.test');

my $me = $jm->account;
my $to = $jm->address($me, alias => 'someone')->{address};

# One command after the other, each with the reply it must get.
sub dialogue
{
    my ($s, @steps) = @_;

    while (my ($line, $expected) = splice @steps, 0, 2) {
        my $reply = $s->cmd($line);
        like($reply, qr/^$expected/, substr($line, 0, 60) . " gets $expected");
    }
}

subtest '1, 4, 5, 6: greeting, EHLO, HELO' => sub {
    my $s = $jm->smtp;
    is($s->banner, "220 mx.junkmail.test ESMTP JunkMail\r\n", 'banner');

    is($s->cmd('EHLO client.example'),
       "250-mx.junkmail.test\r\n250-PIPELINING\r\n250-SIZE 26214400\r\n"
       . "250-STARTTLS\r\n250-ENHANCEDSTATUSCODES\r\n250-8BITMIME\r\n"
       . "250-SMTPUTF8\r\n250-CHUNKING\r\n"
       . "250 LIMITS RCPTMAX=100 MAILMAX=5\r\n",
       'EHLO announces what is there');
    is($s->cmd('HELO client.example'), "250 mx.junkmail.test\r\n", 'HELO');

    dialogue($s,
        'ehlo [127.0.0.1]'     => '250-',
        'eHlO [IPv6:::1]'      => '250-',
        'EHLO a_b c'           => '250-',
        'EHLO'                 => '501 5\.5\.4',
        'HELO'                 => '501 5\.5\.4',
        'EHLO ' . 'x' x 256    => '250-',
        'EHLO ' . 'x' x 257    => '501 5\.5\.4',
        'QUIT now'             => '501 5\.5\.4',
        'QUIT'                 => '221 2\.0\.0',
    );
    ok($s->eof, 'closed after QUIT');
};

subtest '11: sequence' => sub {
    my $s = $jm->smtp;
    dialogue($s,
        'MAIL FROM:<>'   => '503 5\.5\.1',
        'EHLO a.example' => '250-',
        "RCPT TO:<$to>"  => '503 5\.5\.1',
        'DATA'           => '503 5\.5\.1',
        'MAIL FROM:<>'   => '250 2\.1\.0',
        'MAIL FROM:<>'   => '503 5\.5\.1',
        'DATA'           => '503 5\.5\.1',
        'NOOP'           => '250 2\.0\.0',
        "RCPT TO:<$to>"  => '250 2\.1\.5',
        'RSET'           => '250 2\.0\.0',
        "RCPT TO:<$to>"  => '503 5\.5\.1',
    );

    $s = $jm->session();
    dialogue($s,
        'MAIL FROM:<>'          => '250 2\.1\.0',
        "RCPT TO:<$to>"         => '250 2\.1\.5',
        'EHLO again.example'    => '250-',
        "RCPT TO:<$to>"         => '503 5\.5\.1',
        'MAIL FROM:<>'          => '250 2\.1\.0',
        'RCPT TO:<no@other.example>' => '550 5\.7\.1',
        'DATA'                  => '554 5\.5\.1',
        'HELO again.example'    => '250 ',
        'DATA'                  => '503 5\.5\.1',
    );
};

subtest '6, 31: other verbs' => sub {
    dialogue($jm->session(),
        'NOOP whatever  '  => '250 2\.0\.0',
        'noop'             => '250 2\.0\.0',
        'RSET x'           => '501 5\.5\.4',
        'RSET '            => '250 2\.0\.0',
        "VRFY $to"         => '252 2\.5\.0',
        'VRFY'             => '501 5\.5\.4',
        'HELP'             => '214 2\.0\.0',
        'HELP MAIL'        => '214 2\.0\.0',
        'EXPN list'        => '502 5\.5\.1',
        'AUTH PLAIN'       => '502 5\.5\.1',
        'ETRN x'           => '502 5\.5\.1',
    );
    dialogue($jm->session(),
        'WHAT'             => '500 5\.5\.1',
        ''                 => '500 5\.5\.1',
        ' NOOP'            => '500 5\.5\.1',
        "\xff\xf4NOOP"     => '500 5\.5\.1',
        "NOOP \x01"        => '500 5\.5\.2',
        "NOOP\rNOOP"       => '500 5\.5\.2',
        "NOOP\0"           => '500 5\.5\.2',
    );
};

subtest '7, 8, 12, 14, 23, 29: MAIL' => sub {
    my @cases = (
        'MAIL FROM:<a@b.example>'                 => '250 2\.1\.0',
        'MAIL FROM:<a@b.example> BODY=8BITMIME SIZE=100' => '250 2\.1\.0',
        'mail from: <a@b.example>  body=7bit'     => '250 2\.1\.0',
        'MAIL FROM:<"a b>@"@b.example>'           => '250 2\.1\.0',
        'MAIL FROM:<> SIZE=26214400'              => '250 2\.1\.0',
        'MAIL FROM:<> SIZE=26214401'              => '552 5\.3\.4',
        'MAIL FROM:<> SIZE=99999999999999999999'  => '501 5\.5\.4',
        'MAIL FROM:<> SIZE=x'                     => '501 5\.5\.4',
        'MAIL FROM:<> SIZE'                       => '501 5\.5\.4',
        'MAIL FROM:<> SIZE=1 SIZE=1'              => '501 5\.5\.4',
        'MAIL FROM:<> BODY=9BIT'                  => '501 5\.5\.4',
        'MAIL FROM:<> BODY=BINARYMIME'            => '504 5\.5\.4',
        'MAIL FROM:<> SMTPUTF8'                   => '250 2\.1\.0',
        'MAIL FROM:<> SMTPUTF8=x'                 => '501 5\.5\.4',
        'MAIL FROM:<> RET=HDRS'                   => '555 5\.5\.4',
        'MAIL FROM:<> ='                          => '501 5\.5\.4',
        'MAIL FROM:<a@b..example>'                => '501 5\.1\.7',
        'MAIL FROM:<postmaster>'                  => '501 5\.1\.7',
        "MAIL FROM:<\xc3\xa9\@b.example>"         => '553 5\.6\.7',
        "MAIL FROM:<\xc3\@b.example>"             => '501 5\.1\.7',
        'MAIL FROM:a@b.example'                   => '501 5\.1\.7',
        'MAIL <a@b.example>'                      => '501 5\.5\.4',
        'MAIL'                                    => '501 5\.5\.4',
    );
    while (my ($line, $expected) = splice @cases, 0, 2) {
        dialogue($jm->session(), $line => $expected);
    }
};

subtest '7, 8, 9, 15: RCPT' => sub {
    my $id      = substr $me->{key}, 8, 22;
    my $stopped = $jm->address($me, alias => 'stopped');
    $redis->cmd('HSET', "jm:{$id}:addr:$stopped->{id}",
        state => 'stopped');
    my $expired = $jm->address($me, alias => 'expired');
    $redis->cmd('HSET', "jm:{$id}:addr:$expired->{id}", expires => 1);
    $redis->cmd('HSET', 'jm:route:{gone@junkmail.test}', owner => 'f' x 64);

    my $full = $jm->account;
    $jm->address($full, alias => 'full');
    $redis->cmd('HSET', 'jm:{' . substr($full->{key}, 8, 22) . '}',
        maxEmails => 0);

    my $s = $jm->session();
    dialogue($s,
        'MAIL FROM:<a@b.example>'               => '250',
        "RCPT TO:<$to>"                         => '250 2\.1\.5',
        "RCPT TO:<$to>"                         => '250 2\.1\.5',
        'rcpt to: <SomeOne+tag@JUNKMAIL.test>'  => '250 2\.1\.5',
        'RCPT TO:<"someone"@junkmail.test>'     => '250 2\.1\.5',
        'RCPT TO:<@relay.example:someone@junkmail.test>' => '250 2\.1\.5',
        'RCPT TO:<nobody@junkmail.test>'        => '550 5\.1\.1',
        'RCPT TO:<+tag@junkmail.test>'          => '550 5\.1\.1',
        'RCPT TO:<stopped@junkmail.test>'       => '550 5\.2\.1',
        'RCPT TO:<expired@junkmail.test>'       => '550 5\.2\.1',
        'RCPT TO:<gone@junkmail.test>'          => '550 5\.2\.1',
        'RCPT TO:<full@junkmail.test>'          => '452 4\.2\.2',
        'RCPT TO:<a@foreign.example>'           => '550 5\.7\.1',
        'RCPT TO:<someone@[127.0.0.1]>'         => '550 5\.7\.1',
        'RCPT TO:<a%foreign.example@junkmail.test>' => '550 5\.1\.1',
    );

    $s = $jm->session();
    dialogue($s,
        'MAIL FROM:<a@b.example>'                => '250',
        'RCPT TO:<>'                             => '501 5\.1\.3',
        'RCPT TO:<a b@junkmail.test>'            => '501 5\.1\.3',
        "RCPT TO:<\xc3\xa9\@junkmail.test>"      => '553 5\.6\.7',
        "RCPT TO:<$to> NOTIFY=NEVER"             => '555 5\.5\.4',
        'RCPT <x@y.example>'                     => '501 5\.5\.4',
        'RCPT TO:<Postmaster>'                   => '550 5\.7\.1',
        "RCPT TO:<$to>"                          => '250 2\.1\.5',
    );

    my $home = $jm->address($me, alias => 'operator');
    $redis->cmd('HSET', 'jm:domain:{}', state => 'active', home => $id,
        postmaster => $home->{id});
    dialogue($s, 'RCPT TO:<postmaster>' => '250 2\.1\.5');
};

subtest '24: pipelining' => sub {
    my $s = $jm->session();
    my $group = "RSET\r\nMAIL FROM:<a\@b.example>\r\n"
        . "RCPT TO:<$to>\r\nRCPT TO:<no\@junkmail.test>\r\n"
        . "RCPT TO:<$to>\r\nNOOP\r\nBOGUS\r\nDATA\r\n";
    $s->send($group);
    my $replies = join '', map { $s->reply } 1 .. 8;
    is(join(' ', $replies =~ /^(\d{3})/mg), '250 250 250 550 250 250 500 354',
       'replies in order');
    $s->send("Subject: x\r\n\r\nbody\r\n.\r\nQUIT\r\n");
    like($s->reply, qr/^250 2\.0\.0 Stored as [0-9a-f]{32}\r\n/, 'accepted');
    like($s->reply, qr/^221/, 'QUIT behind the final dot');

    # Split at every octet, and one octet at a time.
    my $all = "EHLO x\r\nMAIL FROM:<a\@b.example>\r\nRCPT TO:<$to>\r\nQUIT\r\n";
    for my $at (0 .. length $all) {
        $s = $jm->smtp;
        $s->send(substr $all, 0, $at);
        sleep 0.002;
        $s->send(substr $all, $at);
        my $codes = join ' ', map { substr $s->reply // '?', 0, 3 } 1 .. 4;
        next if $codes eq '250 250 250 221';
        is("$at: $codes", '250 250 250 221');
    }
    $s = $jm->smtp;
    for my $byte (split //, $all) {
        $s->send($byte);
        sleep 0.001;
    }
    is(join(' ', map { substr $s->reply, 0, 3 } 1 .. 4), '250 250 250 221',
       'octet by octet');

    # A client that sends much and reads late gets every reply.
    $s = $jm->session();
    my $n = 80;
    $s->send("NOOP\r\n" x $n);
    sleep 0.2;
    is(scalar(grep { /^250/ } map { $s->reply } 1 .. $n), $n, "$n replies");
};

subtest '25: STARTTLS' => sub {
    my $s = $jm->session();
    dialogue($s, 'STARTTLS now' => '501 5\.5\.4');
    is($s->starttls, "220 2.0.0 Ready to start TLS\r\n", 'ready for TLS');

    dialogue($s, 'MAIL FROM:<>' => '503 5\.5\.1');
    my $ehlo = $s->cmd('EHLO tls.example');
    unlike($ehlo, qr/STARTTLS/, 'not offered again');
    like($ehlo, qr/8BITMIME/, 'EHLO under TLS');
    dialogue($s,
        'STARTTLS'      => '503 5\.5\.1',
        'MAIL FROM:<>'  => '250',
        "RCPT TO:<$to>" => '250',
        'DATA'          => '354',
    );
    $lmtp->clear;
    $s->send("Subject: secret\r\n\r\nx\r\n.\r\n");
    like($s->reply, qr/^250/, 'message under TLS');
    dialogue($s, 'QUIT' => '221');

    my ($seen) = $lmtp->seen(1);
    like($seen->{message},
         qr/with ESMTPS \(TLSv1\.[23] [A-Z0-9_-]+\)\r\n/, 'trace names TLS');

    # The transaction from before TLS is forgotten.
    $s = $jm->session();
    dialogue($s, 'MAIL FROM:<>' => '250');
    $s->starttls;
    $s->cmd('EHLO x');
    dialogue($s, "RCPT TO:<$to>" => '503', 'MAIL FROM:<>' => '250');

    # RFC 3207: what is pipelined behind STARTTLS is never run.
    $s = $jm->session();
    $s->send("STARTTLS\r\nMAIL FROM:<evil\@b.example>\r\n");
    like($s->reply, qr/^554 5\.5\.1/, 'octets behind STARTTLS');
    ok($s->eof, 'and closed');

    $s = $jm->session();
    like($s->cmd('STARTTLS'), qr/^220/, 'ready for TLS');
    $s->send("this is no TLS\r\n");
    sleep 0.2;
    ok($jm->smtp->banner, 'garbage as handshake harms nobody');

    $s = $jm->session();
    $s->cmd('STARTTLS');
    $s->close;
};

subtest '2, 10: strange clients' => sub {
    my $s = $jm->smtp;
    like($s->cmd('GET / HTTP/1.1'), qr/^554 5\.5\.1/, 'HTTP');
    ok($s->eof, 'closed');

    $s = $jm->session();
    $s->send("POST / HTTP/1.1\r\nHost: x\r\n\r\nMAIL FROM:<>\r\n");
    like($s->reply, qr/^554/, 'POST');
    ok($s->eof, 'nothing behind it is run');

    $s = $jm->smtp;
    $s->send("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03");
    like($s->reply, qr/^554 5\.5\.1/, 'TLS without STARTTLS');

    $s = $jm->session();
    $s->send("BDAT 1O LAST\r\nMAIL FROM:<>\r\n");
    like($s->reply, qr/^501 5\.5\.4/, 'BDAT of nobody knows how many octets');
    ok($s->eof, 'which are not run');

    $s = $jm->session();
    $s->send("NOOP\nMAIL FROM:<>\r\n");
    like($s->reply, qr/^500 5\.5\.2/, 'bare LF');
    ok($s->eof, 'closed');

    $s = $jm->session();
    dialogue($s,
        'NOOP ' . 'x' x 2041 => '250',
        'NOOP ' . 'x' x 2042 => '500 5\.5\.2',
        'NOOP'               => '250',
    );
    $s->send('x' x 9000);
    like($s->reply, qr/^500 5\.5\.2/, 'endless line');
    ok($s->eof, 'closed');

    $s = $jm->smtp;
    $s->close;
    $s = $jm->session();
    $s->send('MAIL FR');
    $s->close;
    ok($jm->smtp->banner, 'clients that leave');

    # Half-closed: what was sent before is answered.
    $s = $jm->smtp;
    $s->send("EHLO x\r\nNOOP\r\n");
    $s->socket->shutdown(1);
    like($s->reply, qr/^250-/, 'EHLO of a half-closed connection');
    like($s->reply, qr/^250 /, 'NOOP too');
};

subtest '13, 17, 30: limits' => sub {
    my $s = $jm->session();
    dialogue($s, ('BOGUS' => '500') x 7, 'BOGUS' => '421 4\.7\.0');
    ok($s->eof, 'closed after too many errors');

    $s = $jm->session();
    dialogue($s, 'MAIL FROM:<>' => '250',
        ('RCPT TO:<no@junkmail.test>' => '550 5\.1\.1') x 7,
        'RCPT TO:<no@junkmail.test>' => '421 4\.7\.0');

    $s = $jm->session();
    dialogue($s, ('MAIL FROM:<>' => '250', 'RSET' => '250') x 5,
        'MAIL FROM:<>' => '421 4\.7\.0');

    $s = $jm->session();
    $s->send("NOOP\r\n" x 110);
    my @codes = map { substr $s->reply // '', 0, 3 } 1 .. 100;
    is($codes[98], 250, 'the 99th NOOP after EHLO');
    is($codes[99], 421, 'the 100th');

    $s = $jm->session();
    $s->cmd('MAIL FROM:<>');
    $s->send("RCPT TO:<$to>\r\n" x 102);
    @codes = map { substr $s->reply, 0, 9 } 1 .. 102;
    is(scalar(grep { $_ eq '250 2.1.5' } @codes), 100, '100 recipients');
    is(scalar(grep { $_ eq '452 4.5.3' } @codes), 2, '452 for the rest');
    $lmtp->clear;
    dialogue($s, 'DATA' => '354');
    $s->send("Subject: x\r\n\r\nx\r\n.\r\n");
    like($s->reply, qr/^250/, 'those accepted are served');
    my ($seen) = $lmtp->seen(1);
    is(scalar @{ $seen->{rcpt} }, 100, 'all of them');

    # Each octet comes in time, the command never does.
    $s = $jm->smtp(port => $hasty);
    for (1 .. 200) {
        $s->send('x');
        last if IO::Select->new($s->socket)->can_read(0.3);
    }
    like($s->reply, qr/^421 4\.4\.2/, 'command time-out');
    ok($s->eof, 'closed');
};

subtest '4, 30: what EHLO says is so' => sub {
    my @lines = split /\r\n/, $jm->smtp->cmd('EHLO x');
    my ($name, @keywords) = map { /^250[ -](\S+)/ ? $1 : "bad: $_" } @lines;
    is($name, 'mx.junkmail.test', 'our name first');
    my %seen;
    $seen{ uc $_ }++ for @keywords;
    is(scalar(grep { $_ > 1 } values %seen), 0, 'no keyword twice');
    is(scalar(grep { !/^[A-Z0-9][A-Z0-9-]*$/ } @keywords), 0, 'keywords');
    is(scalar(grep { length > 510 } @lines), 0, 'short lines');
    like($lines[-1], qr/^250 /, 'the last line is marked');
    ok($seen{$_}, $_) for qw(PIPELINING SIZE STARTTLS ENHANCEDSTATUSCODES
        8BITMIME SMTPUTF8 CHUNKING LIMITS);
    ok(!$seen{$_}, "no $_") for qw(AUTH DSN BINARYMIME XCLIENT VRFY ETRN);
};

subtest '10: lengths' => sub {
    my $label  = 'd' x 61 . '.';
    my $domain = $label x 3 . 'e' x 61;    # 247 octets
    my $local  = 'l' x 64;
    my $path   = substr($local, 0, 256 - 2 - 1 - length $domain) . "\@$domain";

    my @cases = (
        "MAIL FROM:<$local\@b.example>"       => '250',
        "MAIL FROM:<l$local\@b.example>"      => '501 5\.1\.7',
        "MAIL FROM:<$path>"                   => '250',
        "MAIL FROM:<$local\@$domain.$domain>" => '501 5\.1\.7',
    );
    while (my ($line, $expected) = splice @cases, 0, 2) {
        dialogue($jm->session(), $line => $expected);
    }

    # A line may be 2,048 octets long: the path is far from its end.
    dialogue($jm->session(), 'MAIL FROM:<' . '@r.example,' x 100 . 'x' => '501',
        'MAIL FROM:' . ' ' x 1500 . '<a@b.example> SIZE=00000000000000000100'
        . ' BODY=8BITMIME SMTPUTF8' => '250');
};

subtest '8: an address is what it says unquoted' => sub {
    my $s = $jm->session();
    dialogue($s,
        'MAIL FROM:<"q\\"u\\\\o>te @x"@b.example>'  => '250 2\.1\.0',
        'RCPT TO:<"some\\one"@junkmail.test>'       => '250 2\.1\.5',
        'RCPT TO:<"SOMEONE"@JunkMail.Test>'         => '250 2\.1\.5',
        'RCPT TO:<"some one"@junkmail.test>'        => '550 5\.1\.1',
        'RCPT TO:<"someone@junkmail.test>'          => '501 5\.1\.3',
        'RCPT TO:<some"one"@junkmail.test>'         => '501 5\.1\.3',
        'RCPT TO:<"someone"x@junkmail.test>'        => '501 5\.1\.3',
        "RCPT TO:<\"some\tone\"\@junkmail.test>"    => '501 5\.1\.3',
        'DATA'                                      => '354',
    );
    $lmtp->clear;
    $s->send("S: x\r\n\r\n.\r\n");
    like($s->reply, qr/^250/, 'accepted');
    my ($seen) = $lmtp->seen(1);
    like($seen->{mail}, qr/^MAIL FROM:<"q\\"u\\\\o>te \@x"\@b\.example>/,
        'handed over as written');
    like($seen->{message}, qr/^Return-Path: <"q\\"u\\\\o>te \@x"\@b\.example>\r$/m,
        'Return-Path, too');
};

subtest '2: clients that leave' => sub {
    my $all = "EHLO x\r\nMAIL FROM:<a\@b.example>\r\nRCPT TO:<$to>\r\n"
        . "BDAT 3\r\na\r\nRSET\r\nMAIL FROM:<>\r\nRCPT TO:<$to>\r\nDATA\r\n"
        . "S: x\r\n\r\nbody\r\n";
    for my $at (0 .. length $all) {
        my $s = $jm->smtp(silent => $at % 2);
        # Every third resets the connection.
        setsockopt($s->socket, SOL_SOCKET, SO_LINGER, pack 'ii', 1, 0)
            if $at % 3 == 0;
        $s->send(substr $all, 0, $at);
        $s->close;
    }
    $lmtp->clear;
    ok($jm->smtp->banner, 'at any octet');
    is(scalar($lmtp->seen), 0, 'nothing is handed off');
};

subtest 'Redis away' => sub {
    my $s = $jm->session();
    $s->cmd('MAIL FROM:<>');
    $redis->stop;
    dialogue($s, "RCPT TO:<$to>" => '451 4\.3\.0');
    dialogue($s, "RCPT TO:<$to>" => '451 4\.3\.0', 'NOOP' => '250');
    $redis->start;
    ok($jm->eventually(sub { $s->cmd("RCPT TO:<$to>") =~ /^250/ }), 'back');
};

subtest 'access log' => sub {
    my $s = $jm->smtp;
    $s->cmd("EHLO we(ird\"\xc3\xa9");
    $s->cmd('MAIL FROM:<log@b.example>');
    $s->cmd("RCPT TO:<$to>");
    $s->cmd('QUIT');
    $s->eof;
    ok($jm->eventually(sub { $jm->read('smtp.log') =~ /we\?ird/ }),
       'one line');
    like($jm->read('smtp.log'),
         qr/^127\.0\.0\.1 helo="we\?ird\?\?\?" from="\@b\.example" rcpt=1 messages=0 id=[0-9a-f]{32} reply=221 -$/m,
         'reads well, nothing unescaped');
};

$lmtp->stop;
$jm->done;
done_testing;
