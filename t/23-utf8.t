#!/usr/bin/perl

# Addresses beyond ASCII, from SMTP (RFC 6531) and LMTP through the store to
# REST, events and search; and quoted local parts.

use strict;
use warnings;
use utf8;

use lib 't/lib';
use Encode qw(encode_utf8);
use JunkMail::Test;
use Test::More;
use Unicode::Normalize qw(NFD);

binmode Test::More->builder->$_, ':utf8'
    for qw(output failure_output todo_output);

my $jm = JunkMail::Test->new;
my $me = $jm->account;
$jm->admin(qw(domain add), encode_utf8('bücher.example'));
$jm->admin(qw(domain add all.test --policy catch-all --catch-all), $me->{id});

my %connect = (
    SMTP => sub { $jm->smtp },
    LMTP => sub { JunkMail::SMTP->new(path => $jm->lmtp_socket) },
);

sub hello
{
    my ($how) = @_;

    my $s = $connect{$how}->();
    $s->{hello} = $s->cmd(($how eq 'SMTP' ? 'EHLO' : 'LHLO') . ' t');
    return $s;
}

sub create
{
    my (%fields) = @_;

    return $jm->api(POST => '/addresses', key => $me->{key},
        json => \%fields);
}

sub emails
{
    my ($query) = @_;

    return @{ $jm->api(GET => '/emails?fields=summary' . ($query // ''),
        key => $me->{key})->{json}{data} };
}

sub query { '&q=' . join '', map { sprintf '%%%02X', $_ }
    unpack 'C*', encode_utf8($_[0]) }

my $n = 0;

# Sends a mail in which only the envelope is of interest; what became of it.
sub mail
{
    my ($how, $from, $to, %opt) = @_;

    my $subject = 'mail-' . ++$n;
    my $reply = $connect{$how}->()->send_mail(encode_utf8($to),
        encode_utf8("Subject: $subject\nFrom: <$from>\nTo: <$to>\n\nx\n"),
        from => encode_utf8($from), mail => $opt{mail} // ' SMTPUTF8',
        lhlo => $how eq 'LMTP');
    my ($mail) = grep { $_->{subject} eq $subject } emails();

    return ($reply, $mail);
}


subtest 'addresses' => sub {
    my @rows = (
        # alias, domain, what is made of them
        ['Müller', 'BÜCHER.example', 'müller@xn--bcher-kva.example'],
        [NFD('ärger'), 'bücher.example', 'ärger@xn--bcher-kva.example'],
        ['田中', 'xn--bcher-kva.example', '田中@xn--bcher-kva.example'],
        ['нико́лай', 'junkmail.test', 'нико́лай@junkmail.test'],
    );

    for my $row (@rows) {
        my ($alias, $domain, $address) = @$row;
        my $r = create(alias => $alias, domain => $domain);
        is($r->{status}, 201, "$alias\@$domain");
        is($r->{json}{data}{address}, $address, 'as it is found');
        is($r->{json}{data}{alias}, $alias, 'its alias as it was given');
    }

    my @same = (['MÜLLER', 'bücher.example'], [NFD('müller'), 'Bücher.Example'],
        ['müller', 'XN--BCHER-KVA.example'], ['ÄRGER', NFD('bücher.example')]);
    is(create(alias => $_->[0], domain => $_->[1])->{json}{code},
        'ALIAS_TAKEN', "$_->[0]\@$_->[1] is the same") for @same;
    is(create(alias => 'muller', domain => 'bücher.example')->{status}, 201,
        'without the accent another');

    for my $alias ('a b', "\x{301}a", "a\x{200b}", "a\x{202e}b", '📬', '½',
        'ß' x 33, "a\x{a0}b")
    {
        my $r = create(alias => $alias, domain => 'junkmail.test');
        is("$r->{status} $r->{json}{field}", '422 alias', 'not an alias');
    }

    for my $domain ('📬.example', "a\x{301}.b..c", 'ü', "\x{200d}a.b") {
        my $r = create(alias => 'a', domain => $domain);
        is("$r->{status} $r->{json}{field}", '422 domain', 'not a domain');
    }

    is_deeply($jm->api(GET => '/server/domains')->{json}{data},
        ['junkmail.test', 'xn--bcher-kva.example', 'all.test'],
        'domains in ASCII');
};


subtest 'mail' => sub {
    my $w = $jm->ws('/api/v1/events', key => $me->{key});
    $w->json;

    my @rows = (
        ['müller@bücher.example', 'müller@xn--bcher-kva.example'],
        ['MÜLLER+été@BÜCHER.example', 'müller@xn--bcher-kva.example'],
        ['"mü\\ller"@xn--bcher-kva.example', 'müller@xn--bcher-kva.example'],
        [NFD('Müller@bücher.example'), 'müller@xn--bcher-kva.example'],
        ['田中@bücher.example', '田中@xn--bcher-kva.example'],
        ['wer auch@all.test' =~ s/(.*)@/"$1"@/r, '*@all.test'],
        ['кто-нибудь@all.test', '*@all.test'],
        ['"a>b\\"@\\\\ ü"@all.test', '*@all.test'],
    );
    my $from = 'отправитель@пример.example';
    my %id = map { $_->{address} => $_->{id} } @{ $jm->api(
        GET => '/addresses?limit=100', key => $me->{key}
    )->{json}{data}{addresses} };

    for my $how (qw(SMTP LMTP)) {
        for my $row (@rows) {
            my ($to, $address) = @$row;
            my ($reply, $mail) = mail($how, $from, $to);

            like($reply, qr/^250 /, "$how: $to");
            is_deeply([@$mail{qw(from to addressId)}],
                [$from, $to, $id{$address}], 'from, to, address');

            my $event = $w->json;
            $event = $w->json while $event && $event->{data}{subject}
                && $event->{data}{subject} ne $mail->{subject};
            is_deeply([@{ $event->{data} }{qw(from to)}], [$from, $to],
                'the event');

            my $source = $jm->api(GET => "/emails/$mail->{id}/source",
                key => $me->{key})->{body};
            my $path = encode_utf8($how eq 'SMTP' ? "<$from>" : "From: <$from>");
            like($source, qr/\Q$path\E/, 'the original') if $how eq 'LMTP';
            like($source, qr/^Return-Path: \Q$path\E\r?$/m, 'its sender')
                if $how eq 'SMTP';
        }
    }

    is(scalar(emails(query('кто-НИБУДЬ'))), 2, 'found by recipient');
    is(scalar(emails(query('Отправитель'))), 2 * @rows, 'by sender');
    is(scalar(emails(query('田中'))), 2, 'in any script');
};


subtest 'refusals' => sub {
    for my $how (qw(SMTP LMTP)) {
        my $s = hello($how);
        like($s->{hello}, qr/^250[ -]SMTPUTF8\r?$/m, "$how announces it");
        like($s->{hello}, qr/^250[ -]8BITMIME\r?$/m, 'and 8BITMIME');

        like($s->cmd(encode_utf8('MAIL FROM:<é@b.example>')),
            qr/^553 5\.6\.7 /, 'sender without SMTPUTF8');
        like($s->cmd('MAIL FROM:<a@b.example> SMTPUTF8=1'), qr/^501 /,
            'no value');
        like($s->cmd('MAIL FROM:<a@b.example>'), qr/^250 /, 'plain');
        like($s->cmd(encode_utf8('RCPT TO:<müller@bücher.example>')),
            qr/^553 5\.6\.7 /, 'recipient without SMTPUTF8');
        like($s->cmd('RCPT TO:<muller@xn--bcher-kva.example>'), qr/^250 /,
            'an A-label does without');

        $s->cmd('RSET');
        like($s->cmd(encode_utf8('MAIL FROM:<é@b.example> SMTPUTF8')),
            qr/^250 /, 'with');
        my %refused = (
            'muellér@bücher.example' => '550 5.1.1',
            'müller@büche.example'   => '550 5.7.1',
            "m\x{85}ller\@bücher.example"   => '501 5.1.3',
            "m\x{202e}ller\@bücher.example" => '501 5.1.3',
            'müller@📬.example'      => '550 5.1.1',
        );
        for my $to (sort keys %refused) {
            like($s->cmd(encode_utf8("RCPT TO:<$to>")),
                qr/^\Q$refused{$to}\E /, "$refused{$to}");
        }

        my %bad = (
            'overlong' => "\xc0\xaf", 'cut' => "\xc3", 'alone' => "\x80",
            'surrogate' => "\xed\xa0\x80", 'too high' => "\xf4\x90\x80\x80",
            'Latin-1'   => "m\xfcller",
        );
        like($s->cmd("RCPT TO:<$bad{$_}\@all.test>"), qr/^50[01] 5\./,
            "$how, $_ UTF-8") for sort keys %bad;
        like($s->cmd(encode_utf8('RCPT TO:<müller@bücher.example>')),
            qr/^250 /, 'the session goes on');
    }
};

$jm->done;
done_testing();
