package JunkMail::Listener;

# A listener of which a test can have many: it never waits.  WebSocket or
# server-sent events over HTTP/1.1, read as what they have in common.
#   my $l = JunkMail::Listener->new(kind => 'ws', port => $port, path => $path,
#                                   key => $key, rcvbuf => 4096);
#   $l->socket;                  # for select
#   $l->read;                    # what has come: [type, id, JSON text] each
# Afterwards {status} is that of the handshake, once it is answered; {eof} says
# that it was refused or that the connection has ended, {code} with which close
# frame.

use strict;
use warnings;

use Socket qw(AF_INET SOCK_STREAM SOL_SOCKET SO_RCVBUF inet_aton
              pack_sockaddr_in);
use IO::Handle;

my %HEADERS = (
    ws  => [ 'Upgrade: websocket', 'Connection: Upgrade',
             'Sec-WebSocket-Version: 13',
             'Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==' ],
    sse => [ 'Accept: text/event-stream' ],
);

sub new
{
    my ($class, %opt) = @_;

    socket(my $socket, AF_INET, SOCK_STREAM, 0) or die "socket: $!";
    if ($opt{rcvbuf}) {
        setsockopt($socket, SOL_SOCKET, SO_RCVBUF, pack('l', $opt{rcvbuf}));
    }
    connect($socket, pack_sockaddr_in($opt{port}, inet_aton('127.0.0.1')))
        or die "connect: $!";
    $socket->blocking(0);

    my $self = bless { kind => $opt{kind}, socket => $socket, in => '',
                       text => '' }, $class;
    $self->write(join "\r\n", "GET $opt{path} HTTP/1.1",
        "Host: 127.0.0.1:$opt{port}", "Authorization: Bearer $opt{key}",
        @{ $HEADERS{ $opt{kind} } }, @{ $opt{headers} || [] }, '', '');
    return $self;
}

sub socket { $_[0]{socket} }
sub close  { close $_[0]{socket} }

sub write
{
    local $SIG{PIPE} = 'IGNORE';
    return syswrite $_[0]{socket}, $_[1];
}

sub read
{
    my ($self) = @_;

    my $n = sysread $self->{socket}, $self->{in}, 65536, length $self->{in};
    $self->{eof} = 1 if defined $n ? $n == 0 : !$!{EAGAIN};

    if (!$self->{status}) {
        $self->{in} =~ s/^HTTP\/1\.1 (\d+)(.*?)\r\n\r\n//s or return;
        $self->{status}  = $1;
        $self->{chunked} = $2 =~ /^transfer-encoding: chunked/im;
    }
    if ($self->{status} != ($self->{kind} eq 'ws' ? 101 : 200)) {
        $self->{eof} = 1;
        return;
    }

    return map { /^\{"id":"([^"]+)"/                    ? ['event', $1, $_]
               : /^\{"type":"(\w+)","id":"([^"]+)"/    ? [$1, $2, $_]
               :                                       die "a message: $_" }
        $self->{kind} eq 'ws' ? $self->frames : $self->events;
}

# RFC 6455, 5.2: a server's frames are not masked.
sub frames
{
    my ($self) = @_;

    my @texts;
    while (length $self->{in} >= 2) {
        my ($opcode, $len) = unpack 'CC', $self->{in};
        my $head = $len == 127 ? 10 : $len == 126 ? 4 : 2;
        last if length $self->{in} < $head;
        $len = unpack $len == 127 ? 'x2Q>' : 'x2n', $self->{in} if $len > 125;
        last if length $self->{in} < $head + $len;

        my $data = substr substr($self->{in}, 0, $head + $len, ''), $head;
        if    ($opcode == 0x81) { push @texts, $data }
        elsif ($opcode == 0x88) { $self->{code} = unpack 'n', $data }
        elsif ($opcode == 0x89) { $self->pong($data) }
        else                    { die "a frame of $opcode" }
    }
    return @texts;
}

sub pong { $_[0]->write(pack('CCN', 0x8a, 0x80 | length $_[1], 0) . $_[1]) }

sub events
{
    my ($self) = @_;

    if (!$self->{chunked}) {
        $self->{text} .= substr $self->{in}, 0, length $self->{in}, '';
    }
    while ($self->{in} =~ /^([0-9a-f]+)\r\n/i) {
        my ($head, $len) = ($+[0], hex $1);
        last if length $self->{in} < $head + $len + 2;
        $self->{text} .= substr substr($self->{in}, 0, $head + $len + 2, ''),
            $head, $len;
    }

    my @texts;
    while ((my $end = index $self->{text}, "\n\n") >= 0) {
        my $event = substr $self->{text}, 0, $end + 2, '';
        push @texts, $1 if $event =~ /^data: (.*)$/m;
    }
    return @texts;
}

1;
