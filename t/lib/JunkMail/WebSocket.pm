package JunkMail::WebSocket;

# A WebSocket client for tests, on Protocol::WebSocket: handshake, frames in,
# frames (or raw bytes) out.

use strict;
use warnings;

use IO::Select;
use IO::Socket::INET;
use JSON::PP;
use MIME::Base64 qw(encode_base64);
use Protocol::WebSocket::Frame;
use Time::HiRes qw(time);

# Options: port, path, key (Authorization header), protocols => [...],
# headers => {...} (replace or add), raw => bytes sent with the request,
# rcvbuf => bytes of SO_RCVBUF.
# After new: {status}, {headers}, and frames when status is 101.
sub new
{
    my ($class, %opt) = @_;

    my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
        PeerPort => $opt{port}) or die "connect: $!";

    if ($opt{rcvbuf}) {
        setsockopt($socket, Socket::SOL_SOCKET(), Socket::SO_RCVBUF(),
            pack('l', $opt{rcvbuf}));
    }

    my $self = bless { socket => $socket, buffer => '',
                       timeout => $opt{timeout} || 60,
                       frame => Protocol::WebSocket::Frame->new(
                           max_payload_size => 0) }, $class;

    my %headers = (
        Host                    => "127.0.0.1:$opt{port}",
        Upgrade                 => 'websocket',
        Connection              => 'Upgrade',
        'Sec-WebSocket-Key'     => encode_base64('0123456789abcdef', ''),
        'Sec-WebSocket-Version' => 13,
        $opt{key} ? (Authorization => "Bearer $opt{key}") : (),
        $opt{protocols}
            ? ('Sec-WebSocket-Protocol' => join(', ', @{ $opt{protocols} }))
            : (),
        %{ $opt{headers} || {} },
    );

    my $request = "GET $opt{path} HTTP/1.1\r\n";
    for (sort keys %headers) {
        $request .= "$_: $headers{$_}\r\n" if defined $headers{$_};
    }
    syswrite($socket, "$request\r\n" . ($opt{raw} // ''));

    my $end = time() + $self->{timeout};
    while ($self->{buffer} !~ /\r\n\r\n/) {
        $self->fill($end - time()) or last;
    }

    if ($self->{buffer} =~ s/^HTTP\/1\.\d (\d+)[^\r]*\r\n(.*?)\r\n\r\n//s) {
        $self->{status} = $1;
        $self->{headers} = { map { /^([^:]+):\s*(.*)$/ ? (lc $1, $2) : () }
                             split /\r\n/, $2 };
    }

    if (($self->{status} // 0) == 101) {
        $self->{frame}->append($self->{buffer});
        $self->{buffer} = '';
    }
    else {
        my $length = $self->{headers}{'content-length'} // 0;
        while (length $self->{buffer} < $length) {
            $self->fill($end - time()) or last;
        }
    }

    return $self;
}

sub socket { $_[0]{socket} }

sub fill
{
    my ($self, $left) = @_;

    return 0 if $left <= 0;
    IO::Select->new($self->{socket})->can_read($left) or return 0;
    my $n = sysread($self->{socket}, my $bytes, 65536);
    if (!$n) {
        $self->{eof} = 1;
        return 0;
    }
    $self->{buffer} .= $bytes;
    return 1;
}

# The next frame as { opcode, data }; undef at end of time or connection.
sub next_frame
{
    my ($self, $timeout) = @_;

    my $end = time() + ($timeout // $self->{timeout});

    while (1) {
        my $data = $self->{frame}->next_bytes;
        if (defined $data) {
            return { opcode => $self->{frame}->opcode, data => $data };
        }
        $self->fill($end - time()) or return undef;
        $self->{frame}->append($self->{buffer});
        $self->{buffer} = '';
    }
}

# The next text frame's JSON; pings are answered and passed over.
sub json
{
    my ($self, $timeout) = @_;

    while (my $frame = $self->next_frame($timeout)) {
        if ($frame->{opcode} == 9) {
            $self->send_frame(10, $frame->{data});
            next;
        }
        return undef if $frame->{opcode} != 1;
        return JSON::PP->new->utf8->decode($frame->{data});
    }
    return undef;
}

# The close code, when the next frame is a close.
sub close_code
{
    my ($self, $timeout) = @_;

    while (my $frame = $self->next_frame($timeout)) {
        return unpack('n', $frame->{data}) if $frame->{opcode} == 8;
    }
    return undef;
}

sub send_frame
{
    my ($self, $opcode, $data, %opt) = @_;

    my $fin  = $opt{fin} // 1;
    my $len  = length $data;
    my $head = pack('C', ($fin << 7) | $opcode);
    my $mask = pack('N', 0x12345678);

    $head .= $len < 126     ? pack('C', 128 | $len)
           : $len < 65536   ? pack('Cn', 128 | 126, $len)
           :                  pack('CQ>', 128 | 127, $len);

    my $masked = $data ^ substr($mask x (($len / 4) + 1), 0, $len);
    $self->raw("$head$mask$masked");
}

sub text { $_[0]->send_frame(1, $_[1]) }

sub raw
{
    my ($self, $bytes) = @_;

    local $SIG{PIPE} = 'IGNORE';
    return syswrite($self->{socket}, $bytes);
}

sub close { close $_[0]{socket} }

1;
