package JunkMail::DNS;

# A name server that says what it is told, over UDP on a port of its own:
#
#   my $dns = JunkMail::DNS->new(port => $port, zone => {
#       '7.2.0.192.in-addr.arpa' => { PTR => 'mail.b.example' },
#       'mail.b.example'         => { A => ['192.0.2.7'] },
#       '8.2.0.192.in-addr.arpa' => { PTR => ["two\r\nwords", 'example'] },
#       'slow.example'           => { A => [...], delay => 2 },
#   });
#
# A name may be a list of labels with any bytes.  What is not in the zone does
# not exist; what is `silent` gets no answer.

use strict;
use warnings;

use IO::Socket::INET;
use POSIX ();
use Socket qw(inet_pton AF_INET AF_INET6);
use Time::HiRes qw(sleep);

my %TYPES = (1 => 'A', 12 => 'PTR', 28 => 'AAAA');

sub new
{
    my ($class, %opt) = @_;

    my $socket = IO::Socket::INET->new(Proto => 'udp',
        LocalAddr => '127.0.0.1', LocalPort => $opt{port})
        or die "DNS: $!";
    my $self = bless { zone => $opt{zone}, owner => $$ }, $class;

    $self->{pid} = fork() // die "fork: $!";
    return $self if $self->{pid};

    open(STDOUT, '>', '/dev/null');
    open(STDERR, '>', '/dev/null');
    $SIG{CHLD} = 'IGNORE';
    while (1) {
        my $from = $socket->recv(my $query, 512) or next;
        my ($answer, $delay) = $self->answer($query);
        next unless defined $answer;
        next if $delay && fork();
        sleep $delay if $delay;
        $socket->send($answer, 0, $from);
        POSIX::_exit(0) if $delay;
    }
}

sub stop
{
    my ($self) = @_;

    my $pid = delete $self->{pid} or return;
    kill KILL => $pid;
    waitpid($pid, 0);
}

sub DESTROY
{
    my ($self) = @_;

    local ($?, $@, $!);
    $self->stop if $self->{owner} == $$;
}

sub answer
{
    my ($self, $query) = @_;

    my $id = substr $query, 0, 2;
    my ($at, @labels) = (12);
    while (my $len = ord substr $query, $at, 1) {
        push @labels, substr $query, $at + 1, $len;
        $at += 1 + $len;
    }
    my $question = substr $query, 12, $at + 5 - 12;
    my $type     = $TYPES{ unpack 'n', substr $query, $at + 1, 2 } // '';
    my $entry    = $self->{zone}{ lc join '.', @labels };

    return if $entry && $entry->{silent};

    my $data  = $entry ? $entry->{$type} : undef;
    my @datas = $type eq 'PTR' && defined $data ? ($data) : @{ $data // [] };
    my $code  = $entry ? 0 : 3;

    my $answer = $id . pack('n5', 0x8180 | $code, 1, scalar @datas, 0, 0)
        . $question;
    for my $one (@datas) {
        my $bytes = $type eq 'A' ? inet_pton(AF_INET, $one)
            : $type eq 'AAAA' ? inet_pton(AF_INET6, $one)
            : join('', map { pack 'C/a', $_ }
                       ref $one ? @$one : split /\./, $one) . "\0";
        $answer .= pack 'nnnNn/a', 0xc00c, { reverse %TYPES }->{$type}, 1, 60,
            $bytes;
    }

    return ($answer, $entry ? $entry->{delay} : 0);
}

1;
