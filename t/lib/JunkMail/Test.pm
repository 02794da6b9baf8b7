package JunkMail::Test;

# The harness behind t/*.t: starts a private Redis, junkmaild and nginx in a
# temporary directory with ports of its own, talks to them over real sockets,
# and at the end stops them in order and fails the test when a log holds what
# no log should hold.
#
#   my $jm = JunkMail::Test->new;             # everything
#   my $jm = JunkMail::Test->new(backend => 'unix:/x', junkmaild => 0);
#   my $me = $jm->account;                    # { key => ..., id => ... }
#   my $r  = $jm->api(POST => '/addresses', key => $me->{key}, json => {...});
#   is $r->{status}, 201; $r->{json}{data}{address};
#   my $s  = $jm->smtp; $s->cmd('EHLO x'); ...
#   my $w  = $jm->ws('/api/v1/events', key => $me->{key}); $w->json;
#   $jm->done;                                # ordered stop, logs judged

use strict;
use warnings;

use Cwd qw(abs_path);
use Fcntl qw(:flock);
use File::Basename qw(dirname);
use File::Path qw(make_path);
use File::Temp qw(tempdir);
use IO::Select;
use IO::Socket::INET;
use IO::Socket::UNIX;
use JSON::PP;
use POSIX qw(:sys_wait_h);
use Scalar::Util qw(weaken);
use Socket qw(SOCK_STREAM);
use Test::More;
use Time::HiRes qw(sleep time);

use JunkMail::Redis;
use JunkMail::HTTP;
use JunkMail::SMTP;
use JunkMail::SSE;
use JunkMail::WebSocket;

our $ROOT  = abs_path(dirname(__FILE__) . '/../../..');
our $BUILD = "$ROOT/" . ($ENV{JM_BUILD} || 'build');
our $SAN   = $BUILD =~ /san$/;

# How many seconds something that must happen may take on a machine that is
# busy otherwise.  No test passes by this time, only fail.
our $PATIENCE = 120;

my @alive;

# Who is told to end takes along what it has started; its children do not.
my $owner = $$;
$SIG{$_} = sub { $$ == $owner ? exit 1 : POSIX::_exit(1) } for qw(HUP INT TERM);

sub new
{
    my ($class, %opt) = @_;

    my $self = bless {
        domain    => 'junkmail.test',
        hostname  => 'mx.junkmail.test',
        redis     => 1,     # or another's {redis}: one more node of its store
        junkmaild => 1,
        nginx     => 1,
        workers   => 1,     # nginx workers
        room      => 2048,  # connections of each
        children  => 2,     # junkmaild workers
        stream    => '',    # further lines of the SMTP server {}; in it
                            # and in backend @DIR@ is our directory
        streams   => '',    # further lines of stream {}; @DIR@ there, too
        http      => '',    # further lines of the HTTP server {}; there, too
        jitter    => '1s',  # of closing listeners at a reload
        page      => '',    # lines of location / {}
        junkmail  => '',    # further lines of junkmail {}
        main      => '',    # further lines of nginx's main context
        daemon    => 0,     # nginx as a daemon, as a binary upgrade needs it
        shutdown  => '20s', # worker_shutdown_timeout
        conf      => '',    # further lines of junkmail.conf
        allow     => undef, # pattern of log lines that are expected
        %opt,
    }, $class;

    $self->{dir} = tempdir('jm-XXXXXX', TMPDIR => 1, CLEANUP => !$ENV{JM_KEEP});
    # nginx's and junkmaild's workers write sanitizer reports here.
    chmod 01777, $self->{dir};
    push @alive, $self;

    $ENV{ASAN_OPTIONS} = "detect_leaks=0:log_path=$self->{dir}/san"
                       . ':abort_on_error=0:allocator_may_return_null=1';
    $ENV{UBSAN_OPTIONS} = "print_stacktrace=1:log_path=$self->{dir}/san";

    for (qw(smtp_port http_port tls_port)) {
        $self->{$_} = $self->free_port;
    }

    if (ref $self->{redis}) {
        $self->{guest} = 1;
    }
    elsif ($self->{redis}) {
        $self->{redis} = JunkMail::Redis->new(dir => $self->{dir});
    }
    if ($self->{junkmaild}) {
        $self->write_junkmail_conf;
        $self->start_junkmaild;
        my $out = $self->admin('account', 'add', '--key-file',
                               "$self->{dir}/operator.key");
        $self->admin('domain', 'add', $self->{domain}, '--key-file',
                     "$self->{dir}/operator.key");
    }
    if ($self->{nginx}) {
        $self->write_certificate;
        $self->write_nginx_conf;
        $self->start_nginx;
    }

    return $self;
}

# A port that no other test takes: locked for as long as this process lives.
my @port_locks;

sub free_port
{
    for (1 .. 200) {
        my $port = 20000 + int(rand(12000));
        open(my $lock, '>', "/tmp/jm-port-$port.lock") or next;
        flock($lock, LOCK_EX | LOCK_NB) or next;
        # Its last owner may have removed it meanwhile.
        next if (stat $lock)[1] != ((stat "/tmp/jm-port-$port.lock")[1] // 0);
        my $s = IO::Socket::INET->new(LocalAddr => '127.0.0.1',
            LocalPort => $port, Listen => 1, ReuseAddr => 1) or next;
        close $s;
        push @port_locks, [$lock, "/tmp/jm-port-$port.lock"];
        return $port;
    }
    die "no free port";
}

sub lmtp_socket { "$_[0]{dir}/lmtp.sock" }

sub write_junkmail_conf
{
    my ($self) = @_;

    my $redis = $self->{redis}->socket;
    my $user  = $> == 0 ? "user nobody;\ngroup www-data;" : '';

    $self->write('junkmail.conf', <<"CONF");
redis $redis;
passwords $self->{dir};
lmtp @{[ $self->lmtp_socket ]};
library $BUILD/junkmail.lua;
workers $self->{children};
pid $self->{dir}/junkmaild.pid;
$user
$self->{conf}
CONF
}

sub write_certificate
{
    my ($self) = @_;

    my $err = `openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 \\
        -nodes -days 2 -subj /CN=$self->{hostname} \\
        -keyout $self->{dir}/tls.key -out $self->{dir}/tls.crt 2>&1`;
    die "openssl: $err" if $?;
}

sub write_nginx_conf
{
    my ($self) = @_;

    my $dir     = $self->{dir};
    my $user    = $> == 0 ? 'user www-data;' : '';
    my $redis   = $self->{redis} ? $self->{redis}->socket : "$dir/none.sock";
    my $secret  = $self->{redis} ? $self->{redis}->dir : $dir;
    my $backend = $self->{backend} || "unix:$dir/lmtp.sock";
    my $stream  = $self->{stream};
    my $streams = $self->{streams};
    my $http    = $self->{http};

    # What the binary of an upgrade is to inherit.
    my $env = !$self->{daemon} ? ''
        : join '', map { "env $_;\n" } qw(LD_PRELOAD ASAN_OPTIONS UBSAN_OPTIONS);

    s/\@DIR\@/$dir/g for $backend, $stream, $streams, $http;

    if (!$self->{redis}) {
        $self->write('edge.password', "none\n");
    }

    $self->write('index.html', "static\n");
    $self->write('nginx.conf', <<"CONF");
$user
daemon @{[ $self->{daemon} ? 'on' : 'off' ]};
worker_processes $self->{workers};
pid $dir/nginx.pid;
error_log $dir/error.log @{[ $ENV{JM_DEBUG} ? 'debug' : 'info' ]};
worker_shutdown_timeout $self->{shutdown};
load_module /usr/lib/nginx/modules/ngx_stream_module.so;
load_module $BUILD/ngx_junkmail_module.so;
$env$self->{main}

events {
    worker_connections $self->{room};
}

junkmail {
    redis unix:$redis user=edge password_file=$secret/edge.password;
    $self->{junkmail}
}

stream {
    log_format mail '\$remote_addr helo="\$junkmail_helo" '
                    'from="\$junkmail_from" rcpt=\$junkmail_recipients '
                    'messages=\$junkmail_messages id=\$junkmail_id '
                    'reply=\$junkmail_reply \$ssl_protocol';
    log_format tls  '\$remote_addr \$remote_port \$ssl_protocol \$ssl_cipher '
                    'reused=\$ssl_session_reused sni=\$ssl_server_name '
                    'reply=\$junkmail_reply';
    access_log $dir/smtp.log mail;
    access_log $dir/tls.log  tls;

    ssl_certificate     $dir/tls.crt;
    ssl_certificate_key $dir/tls.key;
    ssl_protocols       TLSv1.2 TLSv1.3;

    # A test is one address; what it asks for in server {} counts.
    junkmail_connections_per_address 0;
    junkmail_connection_rate off;
    junkmail_unknown_rate off;
    junkmail_tarpit off;
    $streams

    server {
        listen 127.0.0.1:$self->{smtp_port};
        listen 127.0.0.1:$self->{tls_port} ssl;
        junkmail_smtp;
        junkmail_hostname $self->{hostname};
        junkmail_backend $backend;
        junkmail_starttls on;
        junkmail_spool_path $dir/spool;
        $stream
    }
}

http {
    include /etc/nginx/mime.types;
    access_log $dir/access.log;
    client_body_temp_path $dir/body;
    proxy_temp_path $dir/proxy;
    fastcgi_temp_path $dir/fastcgi;
    uwsgi_temp_path $dir/uwsgi;
    scgi_temp_path $dir/scgi;
    gunzip on;
    junkmail_push_jitter $self->{jitter};

    server {
        listen 127.0.0.1:$self->{http_port};
        root $dir;

        location / {
            $self->{page}
        }

        location /api/v1/ {
            junkmail_api;
        }

        location = /healthz {
            junkmail_healthz;
        }

        $http
    }
}
CONF
}

sub write
{
    my ($self, $name, $text) = @_;

    open(my $f, '>', "$self->{dir}/$name") or die "$name: $!";
    print $f $text;
    close $f or die "$name: $!";
}

sub read  { $_[0]->slurp("$_[0]{dir}/$_[1]") }

sub slurp
{
    my ($self, $path) = @_;

    open(my $f, '<', $path) or return '';
    local $/;
    return scalar <$f>;
}

# Forks and runs a command with its output going to a log of its own.
sub spawn
{
    my ($self, $name, $env, @command) = @_;

    my $pid = fork();
    die "fork: $!" unless defined $pid;

    if ($pid == 0) {
        open(STDIN,  '<', '/dev/null');
        open(STDOUT, '>>', "$self->{dir}/$name.log");
        open(STDERR, '>&', \*STDOUT);
        $ENV{$_} = $env->{$_} for keys %$env;
        exec @command or POSIX::_exit(127);
    }

    return $pid;
}

sub start_junkmaild
{
    my ($self) = @_;

    $self->{junkmaild_pid} = $self->spawn('junkmaild', {},
        "$BUILD/junkmaild", '-c', "$self->{dir}/junkmail.conf");

    $self->wait_for('junkmaild', sub {
        my $s = IO::Socket::UNIX->new(Peer => $self->lmtp_socket) or return;
        my $line = $self->read_line($s, 20);
        return defined $line && $line =~ /^220 /;
    }, sub { $self->died($self->{junkmaild_pid}) });
}

sub read_line
{
    my ($self, $socket, $timeout) = @_;

    my $line = '';
    my $end  = time() + $timeout;
    while ((my $left = $end - time()) > 0) {
        IO::Select->new($socket)->can_read($left) or last;
        sysread($socket, my $byte, 1) or last;
        $line .= $byte;
        return $line if $byte eq "\n";
    }
    return length $line ? $line : undef;
}

sub admin
{
    my ($self, @args) = @_;

    my $out = qx{$BUILD/junkmaild -c $self->{dir}/junkmail.conf @args 2>&1};
    die "junkmaild @args: $out" if $?;
    return $out;
}

# What `nginx -t` says of the configuration with other options; the running
# nginx keeps its own.
sub check_conf
{
    my ($self, %opt) = @_;

    my %other = (%$self, %opt);
    (bless { %other }, ref $self)->write_nginx_conf;

    my $preload = $SAN ? 'LD_PRELOAD=$(gcc -print-file-name=libasan.so)' : '';
    my $test    = "nginx -t -e stderr -p $self->{dir}";
    my $out     = qx{$preload $test -c $self->{dir}/nginx.conf 2>&1};

    $self->write_nginx_conf;

    return $out;
}

sub start_nginx
{
    my ($self) = @_;

    my %env;
    if ($SAN) {
        chomp($env{LD_PRELOAD} = `gcc -print-file-name=libasan.so`);
    }

    # A binary upgrade starts what is named here, without a search.
    my $nginx = $self->{daemon} ? '/usr/sbin/nginx' : 'nginx';
    adopt() if $self->{daemon};

    $self->{nginx_pid} = $self->spawn('nginx', \%env, $nginx, '-e',
        "$self->{dir}/error.log", '-p', $self->{dir}, '-c',
        "$self->{dir}/nginx.conf");

    if ($self->{daemon}) {
        waitpid(delete $self->{nginx_pid}, 0);
        $self->wait_for("nginx's pid file",
                        sub { -s "$self->{dir}/nginx.pid" });
        $self->{nginx_pid} = $self->read('nginx.pid') + 0;
    }

    $self->wait_for('nginx', sub {
        IO::Socket::INET->new(PeerAddr => '127.0.0.1',
            PeerPort => $self->{http_port});
    }, sub { $self->died($self->{nginx_pid}) });

    if ($self->{redis}) {
        $self->wait_for('the link to Redis', sub {
            my $r = $self->http(GET => '/api/v1/server/domains');
            return $r->{status} == 200;
        });
    }
}

# Daemons become children of this process, so that their end can be waited for:
# prctl(PR_SET_CHILD_SUBREAPER, 1).
sub adopt
{
    my %prctl = (x86_64 => 157, aarch64 => 167);
    chomp(my $machine = `uname -m`);
    my $number = $prctl{$machine} or die "prctl on $machine?";
    syscall($number, 36, 1, 0, 0, 0) == 0 or die "prctl: $!";
}

sub died { waitpid($_[1], WNOHANG) == $_[1] }

sub wait_for
{
    my ($self, $what, $ready, $died) = @_;

    my $end = time() + $PATIENCE;
    while (time() < $end) {
        return 1 if $ready->();
        last if $died && $died->();
        sleep 0.05;
    }

    die "$what did not come up\n";
}

# Polls until the code returns true; false when it never does.
sub eventually
{
    my ($self, $code) = @_;

    my $end = time() + $PATIENCE;
    while (time() < $end) {
        my $r = $code->();
        return $r if $r;
        sleep 0.05;
    }
    return;
}

# --- clients ---------------------------------------------------------------

sub http
{
    my ($self, $method, $path, %opt) = @_;

    return JunkMail::HTTP::request($self->{http_port}, $method, $path, %opt);
}

sub api
{
    my ($self, $method, $path, %opt) = @_;

    return $self->http($method, "/api/v1$path", %opt);
}

sub account
{
    my ($self) = @_;

    my $r = $self->api(POST => '/accounts');
    die "POST /accounts: $r->{status} $r->{body}" if $r->{status} != 201;
    return $r->{json}{data};
}

sub address
{
    my ($self, $account, %fields) = @_;

    my $r = $self->api(POST => '/addresses', key => $account->{key},
        json => \%fields);
    die "POST /addresses: $r->{status} $r->{body}" if $r->{status} != 201;
    return $r->{json}{data};
}

sub smtp
{
    my ($self, %opt) = @_;

    return $self->client(JunkMail::SMTP->new(port => $self->{smtp_port},
        %opt));
}

# A session after EHLO; with tls => 1 under TLS.
sub session
{
    my ($self, %opt) = @_;

    my $s = $self->smtp;
    $s->cmd('EHLO client.example');
    if ($opt{tls}) {
        $s->starttls;
        $s->cmd('EHLO client.example');
    }
    return $s;
}

# Sends one message (LF line ends are made CRLF); returns the last reply.
sub send_mail
{
    my ($self, $to, $message, %opt) = @_;

    my $s = $self->smtp;
    return $s->send_mail($to, $message, %opt);
}

sub ws
{
    my ($self, $path, %opt) = @_;

    return $self->client(JunkMail::WebSocket->new(port => $self->{http_port},
        path => $path, %opt));
}

sub sse
{
    my ($self, $path, %opt) = @_;

    return $self->client(JunkMail::SSE->new(port => $self->{http_port},
        path => $path, %opt));
}

# Keeps it in mind, not alive.
sub client
{
    my ($self, $client) = @_;

    push @{ $self->{clients} }, $client;
    weaken($self->{clients}[-1]);
    return $client;
}

# --- processes -------------------------------------------------------------

sub children
{
    my ($self, $pid) = @_;

    open(my $f, '<', "/proc/$pid/task/$pid/children") or return ();
    my $line = <$f> // '';
    return split ' ', $line;
}

sub nginx_workers     { $_[0]->children($_[0]{nginx_pid}) }
sub junkmaild_workers { $_[0]->children($_[0]{junkmaild_pid}) }

sub reload_nginx { kill HUP => $_[0]{nginx_pid} }

# A binary upgrade of nginx, which needs `daemon`: once the new binary serves,
# the old one's workers are told to leave.  The old master is returned: QUIT
# ends it.
sub upgrade_nginx
{
    my ($self) = @_;

    my $old     = $self->{nginx_pid};
    my $workers = $self->nginx_workers;
    my $new;

    kill USR2 => $old;
    $self->wait_for('the new binary', sub {
        return if !-s "$self->{dir}/nginx.pid.oldbin";
        $new = $self->read('nginx.pid') || return;
        return $new != $old && $self->children($new + 0) == $workers;
    });
    kill WINCH => $old;

    $self->{nginx_pid} = $new + 0;
    return $old;
}

sub stop_process
{
    my ($self, $what, $signal) = @_;

    my $pid = delete $self->{"${what}_pid"} or return;
    kill $signal, $pid;

    my $end = time() + $PATIENCE;
    while (time() < $end) {
        if (waitpid($pid, WNOHANG) == $pid) {
            return $?;
        }
        sleep 0.02;
    }

    kill KILL => $pid;
    waitpid($pid, 0);
    return -1;
}

sub stop_nginx     { $_[0]->stop_process('nginx', 'QUIT') }
sub stop_junkmaild { $_[0]->stop_process('junkmaild', 'TERM') }

# --- the end ---------------------------------------------------------------

# Lines in any log that no run should leave behind.
sub log_faults
{
    my ($self) = @_;

    my $fault = qr/\[(?:alert|emerg|crit)\]|Sanitizer|runtime error|Assertion/;
    my @faults;
    for my $file (glob("$self->{dir}/*.log"), glob("$self->{dir}/san.*")) {
        open(my $f, '<', $file) or next;
        my $san = $file =~ m{/san\.\d+};
        while (my $line = <$f>) {
            next if $self->{allow} && $line =~ $self->{allow};
            if ($san || $line =~ $fault) {
                push @faults, (split m{/}, $file)[-1] . ": $line";
                last if @faults > 40;
            }
        }
    }
    return @faults;
}

sub diag_logs
{
    my ($self) = @_;

    for my $file (glob("$self->{dir}/*.log"), glob("$self->{dir}/san.*")) {
        next unless -s $file;
        diag("--- $file");
        diag(`tail -n 8 $file`);
    }
}

# Stops everything in order and judges it: two tests of its own.  Clients go
# first; how the servers part with those who stay is not tested here.
sub done
{
    my ($self) = @_;

    $_->close for grep { $_ && $_->{socket} } @{ $self->{clients} };

    my @bad;
    for my $what (qw(nginx junkmaild)) {
        next unless $self->{"${what}_pid"};
        my $rc = $what eq 'nginx' ? $self->stop_nginx : $self->stop_junkmaild;
        push @bad, "$what ended with $rc" if $rc != 0;
    }
    $self->{redis}->stop if ref $self->{redis} && !$self->{guest};
    is("@bad", '', 'every process stopped in order');

    my @faults = $self->log_faults;
    is(join('', @faults), '', 'no alert and no sanitizer report in any log');

    $self->diag_logs if !Test::More->builder->is_passing;
    @alive = grep { $_ != $self } @alive;
}

END {
    my $rc = $?;
    return if $$ != $owner;
    for my $self (@alive) {
        $self->diag_logs if $rc || !Test::More->builder->is_passing;
        for my $what (qw(nginx junkmaild)) {
            my $pid = $self->{"${what}_pid"} or next;
            kill KILL => $self->children($pid), $pid;
            waitpid($pid, 0);
        }
        $self->{redis}->stop if ref $self->{redis} && !$self->{guest};
    }
    unlink $_->[1] for @port_locks;
    $? = $rc;
}

1;
