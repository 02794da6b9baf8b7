# The operator's own rows about trackers, from the file to the mail: checked by
# -t with file and line, used by --clean and by deliveries, read again on
# SIGHUP, and kept when the new ones are wrong.

use strict;
use warnings;

use lib 't/lib';
use File::Temp qw(tempdir);
use JSON::PP;
use JunkMail::Test;
use Test::More;

my $daemon = "$JunkMail::Test::BUILD/junkmaild";
my $dir    = tempdir(CLEANUP => 1);
chmod 0755, $dir;
$ENV{ASAN_OPTIONS} = 'detect_leaks=0';

my $header = join("\t", qw(vendor class host_match host path_match path
                           confidence sources note)) . "\n";

sub row { join("\t", $_[0], 'open', 'suffix', $_[1], 'any', '', 'high', 'us', '') . "\n" }

sub spurt
{
    my ($name, $text) = @_;

    open(my $f, '>', "$dir/$name") or die "$dir/$name: $!";
    print $f $text;
    close $f;
}

my $mail = <<'M';
Subject: pixel
Content-Type: text/html

<p>Hello</p><img src="https://px.acme.example/logo.png" width="300" height="200">
<img src="https://px.other.example/logo.png" width="300" height="200"><p>x</p>
M
spurt('mail', $mail);
spurt('conf', "trackers $dir/rows.tsv;\n");

# What the command says and exits with.
sub run
{
    my $out = qx{$daemon -c $dir/conf @_ <$dir/mail 2>&1};
    return ($? >> 8, $out);
}

my ($rc, $out) = run('-t');
is($rc, 1, 'a file that is not there');
like($out, qr{^junkmaild: \S+/rows\.tsv: No such file}, 'is named');

spurt('rows.tsv', $header . "# ours\n\n" . row('Acme', 'px.Acme.example'));
($rc, $out) = run('-t');
is($rc, 1, 'a wrong row');
like($out, qr{/rows\.tsv:4: not a host in lower case}, 'is named by its line');
($rc) = run('--clean');
is($rc, 1, 'nor does --clean go on without it');

spurt('rows.tsv', $header . "# ours\n\n" . row('Acme', 'px.acme.example'));
($rc, $out) = run('-t');
is($rc, 0, 'a good one') or diag($out);
($rc, $out) = run('--clean');
my $email = decode_json($out);
is_deeply($email->{trackers}, [{ kind => 'pixel', vendor => 'Acme',
    host => 'px.acme.example', count => 1 }], 'names the tracker');
is($email->{trackersText}, '1 tracker removed: Acme', 'and says so');
is_deeply([map { $_->{url} } @{$email->{remoteImages}}],
          ['https://px.other.example/logo.png'], 'the other image stays');

($rc, $out) = run('--clean --explain');
like($out, qr{^\d+ https://px\.acme\.example/logo\.png: known tracker \(100\),.* large enough to see \(-60\),.* row of Acme by us$}m,
    '--explain says why');
($rc) = run('--explain');
is($rc, 2, 'and is for --clean alone');

# The same in the daemon.
my $jm = JunkMail::Test->new(conf => "trackers $dir/rows.tsv;");
my $account = $jm->account;
my $address = $jm->address($account, alias => 'reader');

sub delivered
{
    my $reply = $jm->send_mail($address->{address}, $mail);
    like($reply, qr/^250 /, 'a mail is delivered');
    my $list = $jm->api(GET => '/emails?limit=1', key => $account->{key});
    my $id = $list->{json}{data}[0]{id};
    my $email = $jm->api(GET => "/emails/$id", key => $account->{key});
    return join ' ', map { $_->{vendor} } @{$email->{json}{data}{trackers}};
}

is(delivered(), 'Acme', 'with its tracker named');

spurt('rows.tsv', $header . row('Other', 'px.other.example'));
my %before = map { $_ => 1 } $jm->junkmaild_workers;
kill HUP => $jm->{junkmaild_pid};
ok($jm->eventually(sub { $jm->read('junkmaild.log') =~ /reloaded/ }),
    'SIGHUP');
ok($jm->eventually(sub { !grep { $before{$_} } $jm->junkmaild_workers }),
    'new workers');
is(delivered(), 'Other', 'with the rows of now');

spurt('rows.tsv', $header . row('', 'px.acme.example'));
kill HUP => $jm->{junkmaild_pid};
ok($jm->eventually(sub {
    $jm->read('junkmaild.log') =~ /rows\.tsv:2: vendor/
        && $jm->read('junkmaild.log') =~ /the old one stays/;
}), 'SIGHUP with a wrong row');
is(delivered(), 'Other', 'changes nothing');

$jm->done;
done_testing;
