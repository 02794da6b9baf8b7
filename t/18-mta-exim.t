# Exim as the sender: with CHUNKING and without, in TLS and in clear, UTF-8
# addresses, large messages, refusals.

use strict;
use warnings;

use lib 't/lib';
use JunkMail::MTA;
use JunkMail::Test;
use Test::More;

plan skip_all => JunkMail::MTA::needed() if JunkMail::MTA::needed();

my $jm = JunkMail::Test->new;
my $me = $jm->account;
my $to = $jm->address($me, alias => 'one')->{address};

my $exim = JunkMail::MTA->exim($jm);
my $text = "Subject: from Exim\n\n.\n..\n8-bit: \xe2\x82\xac\nend\n";

sub newest
{
    my ($mail) = @{ $jm->api(GET => '/emails?fields=summary&limit=20', key => $me->{key})->{json}{data} };
    return $jm->api(GET => "/emails/$mail->{id}/source", key => $me->{key})
        ->{body};
}

# Exim marks a message that went by BDAT with K.
my %modes = (
    'CHUNKING, TLS' => ['hosts_require_tls = *',                     1, 'ESMTPS'],
    'CHUNKING'      => ['hosts_avoid_tls = *',                       1, 'ESMTP'],
    'DATA, TLS'     => ["hosts_try_chunking =\n  hosts_require_tls = *", 0,
                        'ESMTPS'],
    'DATA'          => ["hosts_try_chunking =\n  hosts_avoid_tls = *", 0, 'ESMTP'],
);

for my $mode (sort keys %modes) {
    my ($options, $chunking, $with) = @{ $modes{$mode} };
    $exim->configure($options);

    my $log = $exim->relay('a@b.example', $to, $text);
    like($log, qr/ => \Q$to\E .*C="250 2\.0\.0 Stored as /, "$mode: stored")
        or diag $log;
    is($log =~ / K C="/ ? 1 : 0, $chunking, $chunking ? 'by BDAT' : 'by DATA');

    my $source = newest();
    like($source, qr/^Received: from exim\.example \(\[127\.0\.0\.1\]\)\r\n\tby mx\.junkmail\.test with $with\b/m,
        'our trace header');
    like($source, qr/\r\n\r\n\.\r\n\.\.\r\n8-bit: \xe2\x82\xac\r\nend\r\n\z/,
        'the text');

    my $big = "Subject: big\n\n" . ('x' x 70 . "\n") x 150_000;
    like($exim->relay('', $to, $big), qr/ => \Q$to\E .*C="250 /,
        length($big) . ' octets');
    is(length(newest() =~ s/\A.*?\r\n\r\n//sr), 150_000 * 72, 'arrive');

    like($exim->relay('a@b.example', 'nobody@junkmail.test', $text),
        qr/ \*\* nobody\@junkmail\.test .*550 5\.1\.1/, 'unknown recipient');
}

$exim->configure;
like($exim->relay("j\xc3\xb6s\@b.example", $to, $text), qr/ => \Q$to\E .*C="250 /,
    'a UTF-8 sender');
like(newest(), qr/^Return-Path: <j\xc3\xb6s\@b\.example>.*with UTF8SMTPS /s,
    'is UTF-8 in the trace');

$jm->done;
done_testing;
