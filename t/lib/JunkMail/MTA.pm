package JunkMail::MTA;

# Other people's mail servers, unpacked by t/mta and run with a configuration,
# a queue and users of their own:
#
#   my $postfix = JunkMail::MTA->postfix($jm, transports =>
#       { 'one@junkmail.test' => "smtp:[127.0.0.1]:$port" });
#   $postfix->send('a@b.example', 'one@junkmail.test', $message);
#   my $exim = JunkMail::MTA->exim($jm, options => 'hosts_require_tls = *');
#   my $dovecot = JunkMail::MTA->dovecot($jm);   # LMTP at $dovecot->{lmtp}
#   $postfix->log; $postfix->stop;
#
# They want to be started by root: needed() says why not, or undef.

use strict;
use warnings;

use File::Path qw(make_path);
use IO::Socket::INET;
use IO::Socket::UNIX;
use JunkMail::SMTP;
use JunkMail::Test;
use Time::HiRes qw(sleep);

my $MTA  = "$JunkMail::Test::ROOT/build/mta";
my $ROOT = "$MTA/root";
my $LIB  = "$ROOT/usr/lib";

sub needed { $> == 0 ? undef : 'Postfix, Exim and Dovecot start as root' }

sub new
{
    my ($class, $jm, $name, %opt) = @_;

    system("$JunkMail::Test::ROOT/t/mta", $MTA) == 0
        or die "t/mta: no mail servers to test with\n";

    my $self = bless { jm => $jm, name => $name, dir => "$jm->{dir}/$name",
                       owner => $$, %opt }, $class;
    make_path($self->{dir});
    chmod 0755, $jm->{dir}, $self->{dir};
    return $self;
}

sub path { "$_[0]{dir}/$_[1]" }
sub log  { $_[0]{jm}->read("$_[0]{name}/log") }

sub write
{
    my ($self, $name, $text) = @_;

    $self->{jm}->write("$self->{name}/$name", $text);
    return $self->path($name);
}

# A directory of this owner, group and mode.
sub directory
{
    my ($self, $name, $user, $group, $mode) = @_;

    my $path = $self->path($name);
    make_path($path);
    chown scalar getpwnam($user), scalar getgrnam($group), $path
        or die "$path: $!";
    chmod $mode, $path;
    return $path;
}

sub start
{
    my ($self, $env, @command) = @_;

    $self->{pid} = $self->{jm}->spawn("$self->{name}.run", $env, @command);
}

sub stop
{
    my ($self) = @_;

    my $pid = delete $self->{pid} or return;
    kill TERM => $pid;
    waitpid($pid, 0);
}

sub DESTROY
{
    my ($self) = @_;

    local ($?, $@, $!);
    $self->stop if $self->{owner} == $$;
}

# Waits for a line of the log; its captures, or all of it.
sub wait_log
{
    my ($self, $pattern) = @_;

    my @found;
    $self->{jm}->eventually(sub { @found = $self->log =~ $pattern });
    return wantarray ? @found : $found[0];
}

# --- Postfix -----------------------------------------------------------------

# transports: recipient => transport:nexthop, where a transport is smtp, lmtp
# or tls, which is smtp with TLS or not at all.
sub postfix
{
    my ($class, $jm, %opt) = @_;

    my $self = $class->new($jm, 'postfix', %opt);
    # junkmaild lets this group deliver.
    my ($owner, $group) = qw(www-data daemon);

    $self->{port} = $jm->free_port;
    $self->directory('queue', 'root', 'root', 0755);
    $self->directory("queue/$_", $owner, $owner, 0700)
        for qw(active bounce corrupt defer deferred flush hold incoming private
               saved trace);
    $self->directory('queue/maildrop', $owner, $group, 0730);
    $self->directory('queue/public', $owner, $group, 0710);
    $self->directory('queue/pid', 'root', 'root', 0755);
    $self->directory('data', $owner, $owner, 0700);

    my $transports = join ', ', map { "{ $_ = $opt{transports}{$_} }" }
        sort keys %{ $opt{transports} };

    $self->write('main.cf', <<"CF");
compatibility_level = 3.6
queue_directory = @{[ $self->path('queue') ]}
data_directory = @{[ $self->path('data') ]}
daemon_directory = $LIB/postfix/sbin
command_directory = $ROOT/usr/sbin
shlib_directory = $LIB/postfix
meta_directory = $self->{dir}
mail_owner = $owner
setgid_group = $group
import_environment = MAIL_CONFIG LD_LIBRARY_PATH
maillog_file = @{[ $self->path('log') ]}
maillog_file_prefixes = $jm->{dir}
myhostname = postfix.example
mydestination =
alias_maps =
local_recipient_maps =
mynetworks = 127.0.0.0/8
inet_protocols = ipv4
message_size_limit = 30000000
transport_maps = inline:{ $transports }
relay_domains =
minimal_backoff_time = 2s
maximal_backoff_time = 2s
queue_run_delay = 2s
smtp_tls_security_level = may
smtp_tls_loglevel = 1
smtp_tls_CAfile = $jm->{dir}/tls.crt
@{[ $opt{main} // '' ]}
CF

    $self->write('master.cf', <<"CF");
127.0.0.1:$self->{port} inet n - n - - smtpd
cleanup  unix       n - n -     0 cleanup
qmgr     unix       n - n 2     1 qmgr
tlsmgr   unix       - - n 1000? 1 tlsmgr
rewrite  unix       - - n -     - trivial-rewrite
bounce   unix       - - n -     0 bounce
defer    unix       - - n -     0 bounce
trace    unix       - - n -     0 bounce
proxymap unix       - - n -     - proxymap
smtp     unix       - - n -     - smtp
tls      unix       - - n -     - smtp -o smtp_tls_security_level=encrypt
lmtp     unix       - - n -     - lmtp
error    unix       - - n -     - error
retry    unix       - - n -     - error
discard  unix       - - n -     - discard
scache   unix       - - n -     1 scache
anvil    unix       - - n -     1 anvil
postlog  unix-dgram n - n -     1 postlogd
CF

    $self->start({ MAIL_CONFIG => $self->{dir},
                   LD_LIBRARY_PATH => "$LIB/postfix" },
        "$LIB/postfix/sbin/master", '-c', $self->{dir}, '-d');
    $jm->wait_for('Postfix', sub {
        IO::Socket::INET->new(PeerAddr => '127.0.0.1',
            PeerPort => $self->{port});
    });

    return $self;
}

# Gives a message to Postfix; what became of it, as its log says it:
# "sent (250 …)", "bounced (…)", "deferred (…)".
sub send
{
    my ($self, $from, $to, $message, %opt) = @_;

    my $reply = JunkMail::SMTP->new(port => $self->{port}, timeout => 60)
        ->send_mail($to, $message, from => $from, mail => $opt{mail});
    my ($id) = $reply =~ /queued as (\w+)/ or return "Postfix: $reply";

    return $self->wait_log(
        qr/$id: to=<[^>]*>, .*status=((?:sent|bounced|deferred) .*)/);
}

# --- Exim --------------------------------------------------------------------

# options: lines of the smtp transport.  Exim looks its user up by name, so
# libnss-wrapper shows it a passwd that has it.
sub exim
{
    my ($class, $jm, %opt) = @_;

    my $self = $class->new($jm, 'exim', %opt);
    my ($uid, $gid) = (getpwnam('mail'))[2, 3];

    $self->directory('spool', 'mail', 'mail', 0750);
    $self->write('passwd', $jm->slurp('/etc/passwd')
        . "Debian-exim:x:$uid:${gid}::/:/bin/false\n");
    $self->write('group', $jm->slurp('/etc/group') . "Debian-exim:x:$gid:\n");

    $self->{port} = $opt{port} // $jm->{smtp_port};
    $self->configure;
    $self->{env} = { LD_PRELOAD => 'libnss_wrapper.so',
                     NSS_WRAPPER_PASSWD => $self->path('passwd'),
                     NSS_WRAPPER_GROUP  => $self->path('group') };
    return $self;
}

sub configure
{
    my ($self, $options) = @_;

    $options //= '';
    $self->write('exim.conf', <<"CONF");
primary_hostname = exim.example
deliver_drop_privilege = true
exim_path = $ROOT/usr/sbin/exim4
keep_environment = LD_PRELOAD : NSS_WRAPPER_PASSWD : NSS_WRAPPER_GROUP
spool_directory = @{[ $self->path('spool') ]}
log_file_path = @{[ $self->path('spool/%slog') ]}
log_selector = +all
qualify_domain = exim.example
smtputf8_advertise_hosts =
message_size_limit = 30M
local_interfaces = <; 127.0.0.1

begin routers

all:
  driver = manualroute
  route_list = * 127.0.0.1::$self->{port} byname
  self = send
  transport = remote

begin transports

remote:
  driver = smtp
  hosts_try_dane =
  $options

begin retry

* * F,1h,1m
CONF
}

# Has Exim deliver a message at once; its log of that.
sub relay
{
    my ($self, $from, $to, $message) = @_;

    my $input = $self->write('message', $message);
    my %env   = %{ $self->{env} };
    my $env   = join ' ', map { "$_=$env{$_}" } sort keys %env;
    my $conf  = $self->path('exim.conf');
    unlink $self->path('spool/mainlog');
    system("env $env $ROOT/usr/sbin/exim4 -C $conf -odf -oi -f '$from' '$to' "
        . "<$input >>$self->{dir}/run.log 2>&1");
    return $self->{jm}->slurp($self->path('spool/mainlog'));
}

# --- Dovecot -----------------------------------------------------------------

# Takes mail for every user at a domain of its own, into Maildirs below mail/.
sub dovecot
{
    my ($class, $jm, %opt) = @_;

    my $self = $class->new($jm, 'dovecot', %opt);
    $self->{lmtp} = $self->path('lmtp.sock');
    $self->directory('mail', 'mail', 'mail', 0700);
    my ($uid, $gid) = (getpwnam('mail'))[2, 3];

    # Its processes run in base_dir; see t/mta.
    make_path($self->path('run'));
    symlink "$LIB/dovecot/modules", $self->path('run/modules');

    $self->write('dovecot.conf', <<"CONF");
base_dir = @{[ $self->path('run') ]}
state_dir = @{[ $self->path('state') ]}
libexec_dir = $LIB/dovecot
import_environment = LD_LIBRARY_PATH
mail_plugin_dir = $LIB/dovecot/modules
log_path = @{[ $self->path('log') ]}
protocols = lmtp
listen = 127.0.0.1
ssl = no
default_internal_user = mail
default_internal_group = mail
default_login_user = nobody
first_valid_uid = 1
mail_location = maildir:@{[ $self->path('mail') ]}/%n
service lmtp {
    unix_listener $self->{lmtp} {
        mode = 0666
    }
}
passdb {
    driver = static
    args = nopassword=y
}
userdb {
    driver = static
    args = uid=$uid gid=$gid home=@{[ $self->path('mail') ]}/%n
}
@{[ $opt{conf} // '' ]}
CONF

    # As dovecot(1) itself would do it, were /usr/bin/doveconf there.
    $self->start({ LD_LIBRARY_PATH =>
                       "$LIB/dovecot:$LIB/dovecot/modules/old-stats" },
        "$ROOT/usr/bin/doveconf", '-f', 'service=master', '-c',
        $self->path('dovecot.conf'), '-m', 'master', '-e',
        "$ROOT/usr/sbin/dovecot", '-F', '-c', $self->path('dovecot.conf'));
    $jm->wait_for('Dovecot', sub {
        my $s = IO::Socket::UNIX->new(Peer => $self->{lmtp}) or return;
        return ($jm->read_line($s, 20) // '') =~ /^220 /;
    });

    return $self;
}

# The messages in a user's mailbox.
sub mailbox
{
    my ($self, $user) = @_;

    return map { $self->{jm}->slurp($_) } glob("$self->{dir}/mail/$user/new/*");
}

1;
