package JunkMail::SSE;

# A reader of server-sent events over HTTP/1.1 for tests; what it reads it
# gives as JunkMail::WebSocket does, so that JunkMail::Events works with both.
# Or over HTTP/2, by curl.

use strict;
use warnings;

use IO::Select;
use IO::Socket::INET;
use JSON::PP;
use Time::HiRes qw(time);

# Options: port, path, key (Authorization header), headers => {...} (replace
# or add), method, version, rcvbuf => bytes of SO_RCVBUF; or curl => URL.
# After new: {status}, {headers}; {body} of an answer that is no stream.
# Later {id}, {retry}, {comments}, {eof}, and {whole} when the server has ended
# the response after an event.
sub new
{
    my ($class, %opt) = @_;

    my $self = bless { in => '', events => [], comments => 0,
                       timeout => $opt{timeout} || 60, id => '' }, $class;

    my %headers = (
        Accept => 'text/event-stream',
        $opt{key} ? (Authorization => "Bearer $opt{key}") : (),
        %{ $opt{headers} || {} },
    );
    my @headers = map { "$_: $headers{$_}" }
        grep { defined $headers{$_} } sort keys %headers;

    if ($opt{curl}) {
        $self->{curl} = open $self->{socket}, '-|', 'curl', '-skiN', '--http2',
            (map { ('-H', $_) } @headers), $opt{curl} or die "curl: $!";
    }
    else {
        $self->{socket} = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
            PeerPort => $opt{port}) or die "connect: $!";
        if ($opt{rcvbuf}) {
            setsockopt($self->{socket}, Socket::SOL_SOCKET(),
                Socket::SO_RCVBUF(), pack('l', $opt{rcvbuf}));
        }
        my ($method, $version) = ($opt{method} // 'GET',
            $opt{version} // '1.1');
        syswrite($self->{socket}, join("\r\n",
            "$method $opt{path} HTTP/$version", "Host: 127.0.0.1:$opt{port}",
            @headers, '', ''));
    }

    my $end = time() + $self->{timeout};
    while ($self->{in} !~ /\r\n\r\n/) {
        $self->fill($end - time()) or last;
    }

    if ($self->{in} =~ s/^HTTP\/[\d.]+ (\d+)[^\r]*\r\n(.*?)\r\n\r\n//s) {
        $self->{status}  = $1;
        $self->{headers} = { map { /^([^:]+):\s*(.*)$/ ? (lc $1, $2) : () }
                             split /\r\n/, $2 };
    }

    if (($self->{status} // 0) != 200) {
        my $length = ($opt{method} // '') eq 'HEAD' ? 0
            : $self->{headers}{'content-length'} // 0;
        while (length $self->{in} < $length) {
            $self->fill($end - time()) or last;
        }
        $self->{body} = $self->{in};
    }

    return $self;
}

sub fill
{
    my ($self, $left) = @_;

    return 0 if $left <= 0 || $self->{eof};
    IO::Select->new($self->{socket})->can_read($left) or return 0;
    my $n = sysread($self->{socket}, my $bytes, 65536);
    if (!$n) {
        $self->{eof} = 1;
        $self->{whole} = defined $n && $self->{in} eq '';
        return 0;
    }
    $self->{in} .= $bytes;
    return 1;
}

sub parse
{
    my ($self) = @_;

    while ($self->{in} =~ s/^(.*?)\n\n//s) {
        my @data;
        for (split /\n/, $1) {
            if    (/^:/)           { $self->{comments}++ }
            elsif (/^id: (.*)/)    { $self->{id} = $1 }
            elsif (/^data: (.*)/)  { push @data, $1 }
            elsif (/^retry: (.*)/) { $self->{retry} = $1 }
            else                   { die "a line of SSE: $_" }
        }
        push @{ $self->{events} }, { opcode => 1, id => $self->{id},
                                     data => join("\n", @data) } if @data;
    }
}

# The next event as a text frame; undef at end of time or connection.
sub next_frame
{
    my ($self, $timeout) = @_;

    my $end = time() + ($timeout // $self->{timeout});

    while (1) {
        $self->parse;
        my $event = shift @{ $self->{events} };
        return $event if $event;
        $self->fill($end - time()) or return undef;
    }
}

sub json
{
    my ($self, $timeout) = @_;

    my $event = $self->next_frame($timeout) // return undef;
    return JSON::PP->new->utf8->decode($event->{data});
}

# Whether the response ends within the time, and by itself.
sub ends
{
    my ($self, $timeout) = @_;

    1 while $self->next_frame($timeout);
    return $self->{eof} && $self->{whole};
}

sub close
{
    my ($self) = @_;

    kill KILL => $self->{curl} if $self->{curl};
    CORE::close $self->{socket};
}

1;
