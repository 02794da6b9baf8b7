# Postfix as the sender: opportunistic and mandatory TLS, none, 8-bit and large
# messages, UTF-8 addresses, refusals; and LMTP straight to junkmaild.

use strict;
use warnings;

use lib 't/lib';
use JunkMail::MTA;
use JunkMail::Test;
use Test::More;

plan skip_all => JunkMail::MTA::needed() if JunkMail::MTA::needed();

my $bare = JunkMail::Test->free_port;
my $jm = JunkMail::Test->new(stream => <<"CONF");
    }
    server {
        listen 127.0.0.1:$bare;
        junkmail_smtp;
        junkmail_hostname mx.junkmail.test;
        junkmail_backend unix:\@DIR\@/lmtp.sock;
        junkmail_spool_path \@DIR\@/spool;
CONF
my $me = $jm->account;
my %to = map { $_ => $jm->address($me, alias => $_)->{address} }
    qw(may encrypt clear none lmtp);
my $mx = "[127.0.0.1]:$jm->{smtp_port}";

my $postfix = JunkMail::MTA->postfix($jm, transports => {
    $to{may}             => "smtp:$mx",
    $to{encrypt}         => "tls:$mx",
    $to{clear}           => "smtp:[127.0.0.1]:$bare",
    $to{none}            => "tls:[127.0.0.1]:$bare",
    $to{lmtp}            => 'lmtp:unix:' . $jm->lmtp_socket,
    '*'                  => "smtp:$mx",
});

# The newest mail of an address, its source as it was stored.
sub source
{
    my ($alias) = @_;

    my $all = $jm->api(GET => '/emails?fields=summary&limit=20', key => $me->{key})->{json}{data};
    my ($mail) = grep { $_->{to} eq $to{$alias} } @$all;
    return '' unless $mail;
    return $jm->api(GET => "/emails/$mail->{id}/source", key => $me->{key})
        ->{body};
}

my $text = "Subject: from Postfix\n\n.\n..\n8-bit: \xe2\x82\xac\n";

for my $tls (qw(may encrypt)) {
    like($postfix->send('a@b.example', $to{$tls}, $text),
        qr/^sent \(250 2\.0\.0 Stored as [0-9a-f]{32}\)/, "TLS $tls: stored");
    my $source = source($tls);
    like($source, qr/^Return-Path: <a\@b\.example>\r\nReceived: from postfix\.example \(\[127\.0\.0\.1\]\)\r\n\tby mx\.junkmail\.test with ESMTPS \(TLSv1\.3 \w+\)\r\n\tid [0-9a-f]{32}\r\n\tfor <\Q$to{$tls}\E>;\r\n/,
        'our trace header');
    like($source, qr/\r\n\r\n\.\r\n\.\.\r\n8-bit: \xe2\x82\xac\r\n\z/,
        'the text');
}

like($postfix->send('a@b.example', $to{clear}, $text), qr/^sent \(250/,
    'no TLS to be had: in clear');
like(source('clear'), qr/with ESMTP\r\n/, 'which the trace says');
like($postfix->send('a@b.example', $to{none}, $text),
    qr/^deferred .*TLS is required/, 'but not when it is mandatory');

like($postfix->send('', $to{may}, $text), qr/^sent/, 'a bounce');
like(source('may'), qr/^Return-Path: <>\r\n/, 'from nobody');

like($postfix->send('a@b.example', 'nobody@junkmail.test', $text),
    qr/^bounced .*550 5\.1\.1/, 'unknown recipient');
like($postfix->send('a@b.example', 'x@elsewhere.test', $text),
    qr/^bounced .*550 5\.7\.1/, 'foreign domain');

my $big = "Subject: big\n\n" . ('x' x 70 . "\n") x 150_000;
like($postfix->send('a@b.example', $to{encrypt}, $big), qr/^sent/,
    length($big) . ' octets');
is(length(source('encrypt') =~ s/\A.*?\r\n\r\n//sr), 150_000 * 72, 'arrive');

like($postfix->send("j\xc3\xb6s\@b.example", $to{may}, $text,
    mail => ' SMTPUTF8'), qr/^sent/, 'a UTF-8 sender');
like(source('may'), qr/^Return-Path: <j\xc3\xb6s\@b\.example>.*with UTF8SMTPS /s,
    'is UTF-8 in the trace');

like($postfix->send('a@b.example', $to{lmtp}, $text),
    qr/^sent \(250 2\.0\.0 [0-9a-f-]{36} stored\)/, 'LMTP to junkmaild');
like(source('lmtp'), qr/\r\n\r\n\.\r\n\.\.\r\n8-bit: \xe2\x82\xac\r\n\z/,
    'with DATA, dots and all');
like($postfix->send('a@b.example', $to{lmtp}, $big), qr/^sent/, 'a large one');

$postfix->stop;
$jm->done;
done_testing;
