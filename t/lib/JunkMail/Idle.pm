package JunkMail::Idle;

# Many connections that each ask once and then say nothing, and what a process
# keeps in memory for them.
#   my @ask  = JunkMail::Idle::ask('SSE', $key);
#   my @idle = JunkMail::Idle::open_many($port, 10_000, @ask);
#   my $size = JunkMail::Idle::memory($pid);
#   JunkMail::Idle::close_many(@idle);

use strict;
use warnings;

use IO::Select;
use Socket;
use Time::HiRes qw(time);

# So many are in their handshake at a time.
our $BATCH = 50;

# What is asked of our nginx for a connection of each kind, and how its answer
# ends.
my %KIND = (
    'keep-alive' => ['/index.html', '', qr/static/],
    SSE          => ['/api/v1/events', "Accept: text/event-stream\r\n",
                     qr/hello/],
    WebSocket    => ['/api/v1/events', "Connection: Upgrade\r\n"
                     . "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                     . "Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n",
                     qr/hello/],
);

# The request, with keys by turns, and the answer.
sub ask
{
    my ($kind, @keys) = @_;

    my ($path, $headers, $answer) = @{ $KIND{$kind} };
    my $request = sub {
        my $key = $keys[$_[0] % @keys];
        return "GET $path HTTP/1.1\r\nHost: localhost\r\n"
            . "Authorization: Bearer $key\r\n$headers\r\n";
    };
    return ($request, $answer);
}

# Opens `n` connections to a port of this machine, sends the request on each
# (a text, or code that is given the number) and waits for the answer, if any.
sub open_many
{
    my ($port, $n, $request, $answer) = @_;

    system('prlimit', "--pid=$$", '--nofile=' . ($n + 200) . ':') == 0
        or die "more files than the limit allows: $n";

    my $to = pack_sockaddr_in($port, INADDR_LOOPBACK);
    my @all;
    while (@all < $n) {
        my @batch;
        while (@batch < $BATCH && @all + @batch < $n) {
            socket(my $s, PF_INET, SOCK_STREAM, 0) or die "socket: $!";
            connect($s, $to) or die "connect: $!";
            syswrite($s, ref $request ? $request->(@all + @batch) : $request);
            push @batch, $s;
        }
        if ($answer) {
            answered($_, $answer) for @batch;
        }
        push @all, @batch;
    }
    return @all;
}

sub answered
{
    my ($s, $answer) = @_;

    my $end = time() + 120;
    my $in  = '';
    while ($in !~ $answer) {
        IO::Select->new($s)->can_read($end - time())
            && sysread($s, $in, 4096, length $in)
            or die "no answer, but: $in";
    }
}

# With a reset, so that the ports are free at once.
sub close_many
{
    for my $s (@_) {
        setsockopt($s, SOL_SOCKET, SO_LINGER, pack('ii', 1, 0));
        close $s;
    }
}

# Bytes of memory that are the process's own (Pss_Anon).  What it maps from
# files is left out: its share of those grows and shrinks with how many other
# processes of the machine map them too.
sub memory
{
    my ($pid) = @_;

    open my $f, '<', "/proc/$pid/smaps_rollup" or die "$pid: $!";
    my ($kilobytes) = map { /^Pss_Anon:\s+(\d+)/ ? $1 : () } <$f>;
    return $kilobytes * 1024;
}

1;
