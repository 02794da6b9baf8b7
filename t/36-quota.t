#!/usr/bin/perl

# REST and SMTP: the quota that an operator gives to new accounts, and how many
# of those one client may open.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use JunkMail::Test;
use Test::More;

my $jm = JunkMail::Test->new(http => <<'CONF');
junkmail_quota_emails 3;
junkmail_quota_bytes 1m;
junkmail_quota_addresses 2;
junkmail_quota_address_emails 2;
junkmail_quota_address_bytes 512k;
junkmail_registration_rate 2r/h;
CONF

my $me = $jm->account;

is_deeply($jm->api(GET => '/accounts/me', key => $me->{key})
    ->{json}{data}{quota}, { emails => 3, bytes => 1048576, addresses => 2,
        addressEmails => 2, addressBytes => 524288 }, 'the quota');

my ($first, $second) = map { $jm->address($me, alias => $_) } qw(one two);
my $r = $jm->api(POST => '/addresses', key => $me->{key}, json => {});
is("$r->{status} $r->{json}{code}", '422 QUOTA_EXCEEDED', 'two addresses');

sub rcpt
{
    my $s = $jm->smtp;
    $s->cmd('EHLO test');
    $s->cmd('MAIL FROM:<>');
    return $s->cmd("RCPT TO:<$_[0]\@junkmail.test>");
}

sub mail { $jm->send_mail("$_[0]\@junkmail.test", "Subject: x\n\n$_[1]\n") }

like(mail('one', 'x'), qr/^250/, 'the first');
like(mail('one', 'x'), qr/^250/, 'the second');
like(rcpt('one'), qr/^452 4\.2\.2 /, 'two are enough for one address');
like(mail('two', 'x'), qr/^250/, 'another address takes the third');
like(rcpt('two'), qr/^452 4\.2\.2 /, 'three are enough for the account');

$r = $jm->api(GET => '/emails?fields=summary', key => $me->{key});
$jm->api(DELETE => "/emails/$_->{id}?permanent=true", key => $me->{key})
    for @{ $r->{json}{data} };
like(rcpt('one'), qr/^250/, 'place is made');

like(mail('two', "x\n" x 300_000), qr/^250/, 'one over the bytes is taken');
like(rcpt('two'), qr/^452 4\.2\.2 /, 'then no more');
like(rcpt('one'), qr/^250/, 'there');

$jm->account;
$r = $jm->api(POST => '/accounts');
is("$r->{status} $r->{json}{code}", '429 RATE_LIMITED', 'two accounts an hour');

like($jm->check_conf(http => "$_;"), qr/emerg/, $_)
    for 'junkmail_quota_emails x', 'junkmail_quota_bytes -1',
        'junkmail_registration_rate 5';

$jm->done;
done_testing;
