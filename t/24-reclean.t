# junkmaild reclean: mail that another sanitiser made is made anew from its
# original, in place, while the service runs; flags, ids and counters stay, the
# version rises; mail that kills the parser is passed by.

use strict;
use warnings;

use lib 't/lib';
use JunkMail::Test;
use MIME::Base64;
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
my $keys   = join ' ', sort @{ $redis->cmd('KEYS', "jm:{$A}:*") };

# Run it: standard output and exit code.
sub reclean
{
    my $out = qx{$JunkMail::Test::BUILD/junkmaild -c $jm->{dir}/junkmail.conf reclean @_ 2>$jm->{dir}/err};
    return ($? >> 8) . " $out";
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
    $redis->cmd('SET', "jm:{$A}:att:$id:2", 'old');
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
is(join(' ', sort @{ $redis->cmd('KEYS', "jm:{$A}:*") } ),
    join(' ', sort(grep({ !/:idx:|:binned|:log$/ } split / /, $keys),
        grep { /:idx:|:binned|:log$/ } @{ $redis->cmd('KEYS', "jm:{$A}:*") })),
    'no key more or less');

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
    like($redis->cmd('PTTL', "jm:{$A}:$_:$id"), qr/^(?:-2|[1-9]\d{7,})$/,
        "$_ expires with its address") for qw(mail bodies html raw);
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

like(reclean('--account', 'x'), qr/^2 /, 'a wrong account');
like(reclean('x'), qr/^2 /, 'a wrong word');

$s->cmd('QUIT');
$jm->done;
done_testing;
