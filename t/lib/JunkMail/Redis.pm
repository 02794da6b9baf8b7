package JunkMail::Redis;

# A private Redis for a test, started exactly as `make run` starts it: by
# conf/junkmail-redis with conf/redis.conf and the ACL users of
# conf/users.acl.in, the function library loaded by the user who may.
#
#   my $redis = JunkMail::Redis->new(dir => $dir);
#   $redis->cmd('PING');                     # as admin of the test (all rights)
#   $redis->cmd(\'edge', 'FCALL_RO', …);     # as an ACL user
#
# `dir` gets the data, the socket, redis.log and {edge,backend,loader,admin}
# .password.  Error replies of cmd() are returned as JunkMail::Redis::Error
# objects, which read as their text.

use warnings;
use strict;

use Cwd qw(abs_path);
use Digest::SHA qw(sha256_hex);
use File::Basename qw(dirname);
use File::Path qw(make_path);
use POSIX qw(WNOHANG _exit);
use Time::HiRes qw(sleep time);

our @USERS = qw(edge backend loader admin);

my $top     = abs_path(dirname(__FILE__) . '/../../..');
my $library = "$top/" . ($ENV{JM_BUILD} || 'build') . '/junkmail.lua';

# dir      => directory for everything of this server (made if missing)
# load     => 0: without the function library
# options  => [ redis-server options … ]
sub new {
    my ($class, %conf) = @_;

    my $self = bless {
        dir     => $conf{dir},
        socket  => "$conf{dir}/redis.sock",
        load    => $conf{load} // 1,
        options => $conf{options} // [],
        owner   => $$,
    }, $class;

    make_path($self->{dir});
    $self->_make_users();
    $self->start();

    return $self;
}

sub dir    { $_[0]{dir} }
sub socket { $_[0]{socket} }
sub pid    { $_[0]{pid} }
sub log    { "$_[0]{dir}/redis.log" }

sub password {
    my ($self, $user) = @_;
    return $self->{password}{$user};
}

# Also after kill9() or stop(); waits until it answers.
sub start {
    my ($self) = @_;

    my $pid = fork() // die "fork: $!";

    if ($pid == 0) {
        my $ok = open(STDIN, '<', '/dev/null')
            && open(STDOUT, '>>', $self->log)
            && open(STDERR, '>&', \*STDOUT);
        if ($ok) {
            exec "$top/conf/junkmail-redis", "$self->{dir}/data",
                $self->{socket}, "$self->{dir}/users.acl.in",
                "$top/conf/redis.conf", @{ $self->{options} };
        }
        _exit(127);
    }

    $self->{pid} = $pid;
    $self->_wait_ready();
    $self->load() if $self->{load};

    return $self;
}

# FUNCTION LOAD REPLACE of `code` (default: backend/store/*.lua).
sub load {
    my ($self, $code) = @_;

    if (!defined $code) {
        $code = library();
    }

    my $reply = $self->cmd(\'loader', 'FUNCTION', 'LOAD', 'REPLACE', $code);
    die "FUNCTION LOAD: $reply\n" if ref $reply;

    return $reply;
}

# The text of the function library.
sub library {
    open my $fh, '<:raw', $library or die "$library: $!";
    local $/;
    return <$fh>;
}

# Ordered end: SIGTERM, as the launcher does it.
sub stop   { $_[0]->_end('TERM') }
sub kill9  { $_[0]->_end('KILL') }
sub pause  { kill 'STOP', $_[0]{pid} }
sub resume { kill 'CONT', $_[0]{pid} }

sub restart {
    my ($self) = @_;

    $self->stop();
    return $self->start();
}

# cmd(@args) with all rights, cmd(\$user, @args) as that ACL user.
sub cmd {
    my ($self, @args) = @_;

    my $user = ref $args[0] eq 'SCALAR' ? ${ shift @args } : 'test';

    return $self->client($user)->cmd(@args);
}

# One connection of a user, kept until Redis or the test ends.
sub client {
    my ($self, $user) = @_;

    return $self->{client}{$user}
        //= JunkMail::Redis::Client->new($self->{socket}, $user,
        $self->{password}{$user});
}

sub _make_users {
    my ($self) = @_;

    open my $in, '<', "$top/conf/users.acl.in" or die "users.acl.in: $!";
    my $acl = do { local $/; <$in> };

    # One more, who may look at everything: the test itself.
    $acl .= "\nuser test on \@TEST\@ ~* &* +\@all\n";

    for my $user (@USERS, 'test') {
        my $password = $self->_keep_password($user);
        my $hash     = '#' . sha256_hex($password);
        my $place    = '@' . uc($user) . '@';

        $self->{password}{$user} = $password;
        $acl =~ s/\Q$place\E/$hash/g;
    }

    open my $out, '>', "$self->{dir}/users.acl.in" or die "users.acl.in: $!";
    print {$out} $acl;
    close $out or die "users.acl.in: $!";
}

sub _keep_password {
    my ($self, $user) = @_;

    my $path = "$self->{dir}/$user.password";

    if (open my $fh, '<', $path) {
        chomp(my $password = <$fh>);
        return $password;
    }

    open my $random, '<:raw', '/dev/urandom' or die "urandom: $!";
    read($random, my $bytes, 16) == 16 or die "urandom: $!";

    my $password = unpack 'H*', $bytes;

    my $mask = umask 077;
    open my $fh, '>', $path or die "$path: $!";
    print {$fh} "$password\n";
    close $fh or die "$path: $!";
    umask $mask;

    return $password;
}

sub _wait_ready {
    my ($self) = @_;

    my $end = time() + 120;

    while (time() < $end) {
        if (waitpid($self->{pid}, WNOHANG) == $self->{pid}) {
            delete $self->{pid};
            die "redis-server ended, see " . $self->log . "\n";
        }

        my $reply = eval { $self->cmd('PING') };
        return if defined $reply && $reply eq 'PONG';

        delete $self->{client};
        sleep 0.02;
    }

    die "redis-server does not answer, see " . $self->log . "\n";
}

sub _end {
    my ($self, $signal) = @_;

    my $pid = delete $self->{pid} or return;

    delete $self->{client};
    kill 'CONT', $pid;
    kill $signal, $pid;

    my $end = time() + 120;

    while (waitpid($pid, WNOHANG) == 0) {
        kill 'KILL', $pid if time() > $end;
        sleep 0.01;
    }
}

sub DESTROY {
    my ($self) = @_;

    local ($?, $@, $!);

    # A forked child of the test must not take the server with it.
    $self->_end('TERM') if $self->{owner} == $$;
}


package JunkMail::Redis::Client;

# Just enough of RESP 2: errors inside of arrays stay visible, values are bytes,
# and a test can send without reading (send, then reply as often).

use IO::Socket::UNIX;
use Socket qw(SOCK_STREAM SOL_SOCKET SO_RCVTIMEO SO_SNDTIMEO);

sub new {
    my ($class, $path, $user, $password) = @_;

    my $sock = IO::Socket::UNIX->new(Type => SOCK_STREAM, Peer => $path)
        or die "$path: $!\n";

    my $timeout = pack 'l!l!', 60, 0;
    setsockopt $sock, SOL_SOCKET, SO_RCVTIMEO, $timeout;
    setsockopt $sock, SOL_SOCKET, SO_SNDTIMEO, $timeout;

    my $self  = bless { sock => $sock }, $class;
    my $reply = $self->cmd('AUTH', $user, $password);
    die "$user: $reply\n" if ref $reply;

    return $self;
}

sub cmd {
    my ($self, @args) = @_;

    $self->send(@args);
    return $self->reply();
}

sub send {
    my ($self, @args) = @_;

    local $SIG{PIPE} = 'IGNORE';

    my $bytes = '*' . @args . "\r\n";

    for my $arg (@args) {
        my $copy = $arg;
        utf8::encode($copy) if utf8::is_utf8($copy);
        $bytes .= '$' . length($copy) . "\r\n$copy\r\n";
    }

    $self->{sock}->print($bytes) && $self->{sock}->flush()
        or die "redis: $!\n";
}

# A string, a number, undef for nil, an array, or an Error.
sub reply {
    my ($self) = @_;

    my $line = readline($self->{sock}) // die "redis: connection lost\n";
    $line =~ s/\r\n\z//;

    my $type = substr $line, 0, 1, '';

    return JunkMail::Redis::Error->new($line) if $type eq '-';
    return $line if $type eq '+' || $type eq ':';

    if ($type eq '$') {
        return undef if $line < 0;

        my $want = $line + 2;
        my $bytes;
        my $got = read $self->{sock}, $bytes, $want;
        die "redis: connection lost\n" if !defined $got || $got != $want;
        return substr $bytes, 0, $line;
    }

    die "redis: unexpected reply $type$line\n" if $type ne '*';

    return undef if $line < 0;
    return [map { $self->reply() } 1 .. $line];
}


package JunkMail::Redis::Error;

use overload '""' => sub { ${ $_[0] } }, 'bool' => sub { 1 }, fallback => 1;

sub new {
    my ($class, $text) = @_;

    return bless \$text, $class;
}

1;
