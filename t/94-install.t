# `make install` into a directory: everything is there, the units are sound, and
# the configuration that it writes starts, with the paths of the test put in;
# the certificate hook replaces what nginx serves; `make uninstall` leaves the
# configuration.

use strict;
use warnings;

use lib 't/lib';
use JunkMail::Test;
use Test::More;

my $jm   = JunkMail::Test->new(junkmaild => 0, nginx => 0, redis => 0);
my $root = "$jm->{dir}/root";
my $san  = $JunkMail::Test::SAN ? 'SAN=1' : '';

my $out = qx{make -s install $san DESTDIR=$root DOMAIN=mx.example.org 2>&1};
is($?, 0, 'make install') or diag $out;

# --- units -------------------------------------------------------------------

my $units = "$root/usr/local/lib/systemd/system";
my @units = map { (split m{/})[-1] } glob("$units/*.service");
is("@units", 'junkmail-nginx.service junkmail-redis.service junkmaild.service',
    'three units');

for my $unit (@units) {
    my $text = $jm->slurp("$units/$unit");
    unlike($text, qr/@[A-Z]+@/, "$unit: all words filled in");

    # What it starts has been installed, or is the system's.
    for my $program ($text =~ m{^Exec\w+=\+?(/\S+)}mg) {
        ok(-x "$root$program" || -x $program, "$unit: $program is there");
    }
}

SKIP: {
    chomp(my $analyze = qx{sh -c "command -v systemd-analyze"});
    skip 'no systemd-analyze here', 1 unless $analyze;

    # It looks at the programs of this machine: those of the test instead.
    my $dir = "$jm->{dir}/units";
    mkdir $dir;
    for my $unit (@units) {
        my $text = $jm->slurp("$units/$unit");
        $text =~ s{^(Exec\w+=\+?)/usr/local}{$1$root/usr/local}mg;
        $jm->write("units/$unit", $text);
    }
    my $said = qx{$analyze verify --man=no $dir/*.service 2>&1};
    is(join('', grep { /junkmail/ } split /^/, $said), '', 'systemd-analyze');
}

# --- configuration -----------------------------------------------------------

my $etc = "$root/etc/junkmail";
for my $file (qw(nginx.conf junkmail.conf)) {
    unlike($jm->slurp("$etc/$file") =~ s/^\s*#.*//mgr, qr/@[A-Z]+@/,
        "$file: all words filled in");
}

system("$root/usr/local/lib/junkmail/junkmail-secrets", $etc,
    "$root/usr/local/share/junkmail/users.acl.in", "$etc/users.acl");
is($?, 0, 'passwords are made');
is((stat "$etc/edge.password")[2] & 0777, 0600, 'for nobody else');
my @hashes = $jm->slurp("$etc/users.acl") =~ /#[0-9a-f]{64}/g;
is(scalar @hashes, 4, 'their hashes are in the ACL');

my $conf = $jm->slurp("$etc/nginx.conf");
mkdir "$jm->{dir}/run";
$conf =~ s{/run/junkmail}{$jm->{dir}/run}g;
$conf =~ s{/etc/junkmail}{$etc}g;
$conf =~ s{/usr/lib/nginx/modules/ngx_junkmail}{$JunkMail::Test::BUILD/ngx_junkmail};
$conf =~ s{/var/(log|lib)/nginx}{$jm->{dir}}g;
$conf =~ s{\[::\]:25 ipv6only=off}{127.0.0.1:$jm->{smtp_port}};
$conf =~ s{\[::\]:80 ipv6only=off}{127.0.0.1:$jm->{http_port}};
$conf =~ s{#listen \[::\]:443 ssl http2 ipv6only=off}{listen 127.0.0.1:$jm->{tls_port} ssl http2};
$conf =~ s{/var/lib/junkmail}{$root/var/lib/junkmail}g;
$conf =~ s{^user .*}{}m if $> != 0;
$jm->write('nginx.conf', "daemon off;\n$conf");
$jm->start_nginx;

like($jm->smtp->banner, qr/^220 mx\.example\.org /, 'SMTP greets');
mkdir "$root/var/lib/junkmail/acme/$_" for '.well-known',
    '.well-known/acme-challenge';
$jm->write('root/var/lib/junkmail/acme/.well-known/acme-challenge/x', 'token');
chmod 0755, "$jm->{dir}", $root;
is($jm->http(GET => '/.well-known/acme-challenge/x')->{body}, 'token',
    'the answer to an ACME challenge');

my $served = sub {
    my ($option, $port) = @_;
    return qx{openssl s_client -connect 127.0.0.1:$port $option </dev/null 2>/dev/null | openssl x509 -noout -fingerprint 2>/dev/null};
};
my $old = $served->('-starttls smtp', $jm->{smtp_port});
like($old, qr/Fingerprint=/, 'openssl s_client -starttls smtp');
is($served->('', $jm->{tls_port}), $old, 'HTTPS has the same certificate');

# --- the certificate's hook --------------------------------------------------

mkdir "$jm->{dir}/live";
system("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes "
    . "-days 2 -subj /CN=new -keyout $jm->{dir}/live/privkey.pem "
    . "-out $jm->{dir}/live/fullchain.pem 2>/dev/null");
mkdir "$jm->{dir}/bin";
for my $name (qw(nginx systemctl)) {
    $jm->write("bin/$name", "#!/bin/sh\nkill -HUP $jm->{nginx_pid}\n");
    chmod 0755, "$jm->{dir}/bin/$name";
}
{
    local $ENV{PATH} = "$jm->{dir}/bin:$ENV{PATH}";
    local $ENV{RENEWED_LINEAGE} = "$jm->{dir}/live";
    local $ENV{TLS} = "$etc/tls";
    is(system("$root/usr/local/lib/junkmail/junkmail-certificate"), 0,
        'the hook of certbot');
}
ok($jm->eventually(sub {
    my $now = $served->('-starttls smtp', $jm->{smtp_port});
    return $now =~ /Fingerprint/ && $now ne $old;
}), 'SMTP has the new certificate');
ok($jm->eventually(sub { $served->('', $jm->{tls_port}) ne $old }),
    'and HTTPS');

$jm->write('root/etc/junkmail/nginx.conf', "mine\n");
qx{make -s install $san DESTDIR=$root 2>&1};
is($jm->slurp("$etc/nginx.conf"), "mine\n", 'what is there is not overwritten');

qx{make -s uninstall DESTDIR=$root 2>&1};
is($?, 0, 'make uninstall');
is(join(' ', grep { !m{^/(?:etc|var/lib)/junkmail/} } split /\n/,
        qx{cd $root && find . -type f -printf '/%P\n'}), '',
   'leaves only configuration and data');
is($jm->slurp("$etc/nginx.conf"), "mine\n", 'and that untouched');

$jm->{allow} = qr/connect|Redis/;
$jm->done;
done_testing;
