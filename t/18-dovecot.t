# Dovecot's LMTP as the backend: a server that announces CHUNKING and
# PIPELINING but neither XDID nor SIZE nor SMTPUTF8.

use strict;
use warnings;

use lib 't/lib';
use JunkMail::MTA;
use JunkMail::Test;
use Test::More;

plan skip_all => JunkMail::MTA::needed() if JunkMail::MTA::needed();

# The first backend does not exist.
my $jm = JunkMail::Test->new(
    backend => 'unix:/nonexistent/lmtp.sock unix:@DIR@/dovecot/lmtp.sock',
    allow   => qr{connect\(\) to unix:/nonexistent/},
);
my $me = $jm->account;
my @to = map { $jm->address($me, alias => $_)->{address} } qw(one two);

my $dovecot = JunkMail::MTA->dovecot($jm);
my $text = "Subject: for Dovecot\n\n.\n..\n8-bit: \xe2\x82\xac\n";

like($jm->send_mail(\@to, $text), qr/^250 2\.0\.0 Stored as [0-9a-f]{32}\r\n/,
    'stored for two');

for my $user (qw(one two)) {
    my @mail = $dovecot->mailbox($user);
    is(scalar @mail, 1, "$user has it once");
    (my $mail = $mail[0]) =~ s/\r//g;
    like($mail, qr/^Return-Path: <sender\@example\.com>\n/, 'Return-Path');
    like($mail, qr/^Received: from t \(\[127\.0\.0\.1\]\)\n\tby mx\.junkmail\.test with ESMTP\n\tid [0-9a-f]{32};\n/m,
        'our trace header, without recipient');
    like($mail, qr/\n\n\.\n\.\.\n8-bit: \xe2\x82\xac\n\z/, 'dots and all');
}

my $big = "Subject: big\n\n" . ('x' x 70 . "\n") x 150_000;
like($jm->send_mail($to[0], $big), qr/^250/, length($big) . ' octets');
my ($mail) = grep { /^Subject: big/m } $dovecot->mailbox('one');
is(() = $mail =~ /^x{70}\r?$/mg, 150_000, 'arrive');

like($jm->send_mail($to[0], $text, from => "j\xc3\xb6s\@b.example",
    mail => ' SMTPUTF8'), qr/^550 5\.6\.7 /, 'a UTF-8 sender: refused');
like($jm->send_mail($to[0], $text, mail => ' SMTPUTF8'), qr/^250/,
    'ASCII addresses with SMTPUTF8: taken');

$dovecot->stop;
like($jm->send_mail($to[0], $text), qr/^451 4\.3\.0 /, 'it has gone: 451');

$jm->done;
done_testing;
