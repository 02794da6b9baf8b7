# PROXY protocol v1 and v2, and the client's name: behind a balancer the real
# client is in the trace header, the log, and the questions to DNS; a name
# counts when it leads back to the address, and nothing that DNS says reaches a
# header or a log as it came.

use strict;
use warnings;

use lib 't/lib';
use JunkMail::DNS;
use JunkMail::LMTP;
use JunkMail::Test;
use Socket qw(inet_pton AF_INET AF_INET6);
use Test::More;
use Time::HiRes qw(time);

my ($trusting, $wary, $dns_port) = map { JunkMail::Test->free_port } 1 .. 3;

my $nibbles = join '.', reverse split //, unpack 'H*',
    inet_pton(AF_INET6, '2001:db8::7');
my $dns = JunkMail::DNS->new(port => $dns_port, zone => {
    '1.0.0.127.in-addr.arpa'  => { PTR => 'localhost.example' },
    'localhost.example'       => { A => ['127.0.0.1'] },
    '7.2.0.192.in-addr.arpa'  => { PTR => 'Mail.B.example' },
    'mail.b.example'          => { A => ['192.0.2.9', '192.0.2.7'] },
    "$nibbles.ip6.arpa"       => { PTR => 'six.b.example' },
    'six.b.example'           => { AAAA => ['2001:db8::7'] },
    '8.2.0.192.in-addr.arpa'  => { PTR => 'mail.google.example' },
    'mail.google.example'     => { A => ['192.0.2.99'] },
    '10.2.0.192.in-addr.arpa' => { PTR => ["a\r\nX-Evil: yes", 'example'] },
    '11.2.0.192.in-addr.arpa' => { PTR => ['a)(b ;', "\x00\xff", 'example'] },
    '12.2.0.192.in-addr.arpa' => { PTR => ['x' x 63, 'x' x 63, 'x' x 63,
                                           'x' x 60] },
    '13.2.0.192.in-addr.arpa' => { silent => 1 },
    '14.2.0.192.in-addr.arpa' => { PTR => 'gone.example' },
    '15.2.0.192.in-addr.arpa' => { PTR => 'slow.example', delay => 10 },
    'slow.example'            => { A => ['192.0.2.15'] },
    '16.2.0.192.in-addr.arpa' => { PTR => 'single' },
});

# One that believes its neighbour, one that only believes another.
my $server = sub {
    my ($port, $from) = @_;
    return <<"CONF";
    }
    server {
        listen 127.0.0.1:$port proxy_protocol;
        proxy_protocol_timeout 3s;
        set_real_ip_from $from;
        junkmail_smtp;
        junkmail_hostname mx.junkmail.test;
        junkmail_backend unix:\@DIR\@/lmtp.sock;
        junkmail_spool_path \@DIR\@/spool;
        junkmail_reverse_dns on;
        junkmail_xclient 192.0.2.30;
        resolver 127.0.0.1:$dns_port;
        resolver_timeout 8s;
CONF
};
my $jm = JunkMail::Test->new(
    junkmaild => 0,
    stream    => $server->($trusting, '127.0.0.1')
        . $server->($wary, '192.0.2.1'),
);
my $redis = $jm->{redis};
$redis->cmd('HSET', 'jm:domain:{junkmail.test}', policy => 'closed',
    state => 'active');
$redis->cmd('ZADD', 'jm:domains', 1, 'junkmail.test');
my $to   = $jm->address($jm->account)->{address};
my $lmtp = JunkMail::LMTP->new(path => $jm->lmtp_socket);

sub v1
{
    my ($client) = @_;
    my $family = $client =~ /:/ ? 6 : 4;
    my $us     = $family == 6 ? '::1' : '127.0.0.1';
    return "PROXY TCP$family $client $us 40000 25\r\n";
}

sub v2
{
    my ($client) = @_;
    my ($family, $af, $us) = $client =~ /:/ ? (0x21, AF_INET6, '::1')
        : (0x11, AF_INET, '127.0.0.1');
    my $body = inet_pton($af, $client) . inet_pton($af, $us)
        . pack('nn', 40000, 25);
    return "\r\n\r\n\0\r\nQUIT\n" . pack('CCn/a', 0x21, $family, $body);
}

# A session behind a header; its banner, or what there was instead.
sub session
{
    my ($header, %opt) = @_;

    my $s = $jm->smtp(port => $opt{port} // $trusting, silent => 1,
        timeout => 60);
    $s->send($header);
    $s->{banner} = $s->reply;
    return $s;
}

# Sends a message a little later; the Received: that the backend saw.
sub received
{
    my ($s, $pause) = @_;

    $lmtp->clear;
    select undef, undef, undef, $pause // 0.3;
    like($s->send_mail($to, "Subject: x\n\nx\n"), qr/^250/, 'stored');
    my ($seen) = $lmtp->seen(1);
    my ($line) = $seen->{message} =~ /^Received: from t (.*)\r\n/m;
    unlike($seen->{message}, qr/Evil/, 'nothing injected');
    return $line;
}

# A name that is to be found may take its time; nginx keeps it.
sub named
{
    my ($from, $what, $open) = @_;

    my $line;
    ok($jm->eventually(sub { ($line = received($open->())) eq $from }), $what)
        or diag("$line instead of $from");
}

subtest 'PROXY headers' => sub {
    for my $client ('192.0.2.20', '2001:db8::20') {
        my $literal = $client =~ /:/ ? "IPv6:$client" : $client;
        for (['v1', v1($client)], ['v2', v2($client)]) {
            my ($name, $header) = @$_;
            my $s = session($header);
            like($s->banner, qr/^220/, "$name: greeting");
            is(received($s, 0), "(unknown [$literal])", "$name: in the trace");
            $s->cmd('QUIT');
            ok($jm->eventually(sub { $jm->read('smtp.log') =~ /^\Q$client\E /m }),
                "$name: in the log");
        }
    }

    named('(localhost.example [127.0.0.1])',
        'from a stranger: the header is taken, not believed',
        sub { session(v1('192.0.2.21'), port => $wary) });
    like(received(session("PROXY UNKNOWN\r\n")), qr/\[127\.0\.0\.1\]/,
        'v1 UNKNOWN: the balancer itself');
    like(received(session("\r\n\r\n\0\r\nQUIT\n\x20\0\0\0")),
        qr/\[127\.0\.0\.1\]/, 'v2 LOCAL: the balancer itself');

    like(session(v1('192.0.2.22') . "EHLO t\r\n")->banner, qr/^220|^554/,
        'a header and more at once');

    like(received(session("PROXY TCP4 999.1.1.1 1.1.1.1 1 1\r\n")),
        qr/\[127\.0\.0\.1\]/, 'no address: the balancer itself');

    # nginx wants the header whole in the first read.
    for (['an SMTP client', "EHLO t\r\n"], ['no address', "PROXY TCP4\r\n"],
        ['in two pieces', 'PROXY TCP4 192'],
        ['two spaces', "PROXY  TCP4 192.0.2.1 192.0.2.1 1 1\r\n"],
        ['bare LF', "PROXY TCP4 192.0.2.1 192.0.2.1 1 1\n"],
        ['too long', 'PROXY TCP4 ' . '1' x 200 . "\r\n"],
        ['v2 cut', substr(v2('192.0.2.1'), 0, 15) . "\r\n"],
        ['v2 of another version', v2('192.0.2.1') =~ s/\x21\x11/\x31\x11/r])
    {
        my ($name, $header) = @$_;
        is(session($header)->banner // 'nothing', '', "$name: closed");
    }

    is(session('')->banner, '', 'none: closed');
};

subtest 'names' => sub {
    my @cases = (
        ['192.0.2.7',   'mail.b.example', 'confirmed, one of two addresses'],
        ['2001:db8::7', 'six.b.example',  'of IPv6'],
        ['192.0.2.8',   'unknown',        'of somebody else'],
        ['192.0.2.9',   'unknown',        'none'],
        ['192.0.2.10',  'unknown',        'with CRLF in it'],
        ['192.0.2.11',  'unknown',        'with NUL and signs'],
        ['192.0.2.12',  'unknown',        'too long'],
        ['192.0.2.13',  'unknown',        'no answer'],
        ['192.0.2.14',  'unknown',        'that does not exist'],
        ['192.0.2.16',  'unknown',        'of one label'],
    );
    for (@cases) {
        my ($client, $name, $what) = @$_;
        my $literal = $client =~ /:/ ? "IPv6:$client" : $client;
        named("($name [$literal])", $what, sub { session(v2($client)) });
    }

    my $start = time();
    is(received(session(v1('192.0.2.15')), 0), '(unknown [192.0.2.15])',
        'an answer that takes long');
    cmp_ok(time() - $start, '<', 6, 'is not waited for');

    named('(mail.b.example [192.0.2.7])', 'the one it speaks for is looked up',
        sub {
            my $proxy = session(v1('192.0.2.30'));
            like($proxy->cmd('XCLIENT ADDR=192.0.2.7'), qr/^220/, 'XCLIENT');
            return $proxy;
        });

    # Sessions that end while DNS is being asked.
    session(v1("192.0.2.$_"))->close for (13, 15) x 10;
    my @open = map { session(v1("192.0.2.$_")) } (13, 15) x 10;
    select undef, undef, undef, 8.5;
    like($_->cmd('NOOP'), qr/^250/, 'alive') for @open;
};

is($jm->read('error.log') =~ /Evil/ ? 1 : 0, 0, 'no name in the log');

$jm->write('bad.conf', $jm->read('nginx.conf') =~ s/resolver 127\S+//gr);
like(qx{nginx -t -e /dev/null -p $jm->{dir} -c $jm->{dir}/bad.conf 2>&1},
    qr/no "resolver" for "junkmail_reverse_dns"/, 'no resolver: said at start')
    if !$JunkMail::Test::SAN;

$lmtp->stop;
$jm->done;
done_testing;
