package JunkMail::Events;

# Writes to an account's event log as the store's functions do, so that push
# can be tested without mail:
#   my $log = JunkMail::Events->new($jm, $account);
#   my $id  = $log->add(n => 1);            # and wakes the listeners
#   my @ids = $log->fill(250);              # at once, with one wake-up

use strict;
use warnings;

use Exporter qw(import);
use JSON::PP;

our @EXPORT_OK = qw(drain ids);

sub new
{
    my ($class, $jm, $account) = @_;

    # A key reads jm_live_, account, secret, checksum.
    return bless { redis => $jm->{redis},
                   id    => substr($account->{key}, 8, 22) }, $class;
}

sub key  { "jm:{$_[0]{id}}:log" }
sub wake { "jm:{$_[0]{id}}:wake" }

# Options: address => id, type, everything else goes into data; quiet => 1
# does not wake anybody.
sub add
{
    my ($self, %data) = @_;

    my $address = delete $data{address} // '';
    my $type    = delete $data{type}    // 'email.received';
    my $quiet   = delete $data{quiet};

    my $id = $self->{redis}->cmd('XADD', $self->key, 'MAXLEN', '~', 1000, '*',
        'a', $address, 'j', qq("type":"$type","timestamp":1,"data":)
            . JSON::PP->new->canonical->encode(\%data) . '}');
    die "XADD: $id" if ref $id;

    $self->publish($id) unless $quiet;

    return $id;
}

sub publish { $_[0]{redis}->cmd('PUBLISH', $_[0]->wake, $_[1]) }

# `count` events numbered from 1, each padded with `pad` bytes; their ids.
sub fill
{
    my ($self, $count, $pad) = @_;

    my $ids = $self->{redis}->cmd('EVAL', <<'LUA', 1, $self->key, $count,
local ids = {}
for n = 1, ARGV[1] do
    ids[n] = redis.call('XADD', KEYS[1], 'MAXLEN', '~', 1000, '*', 'a', '',
        'j', '"type":"email.received","timestamp":1,"data":{"n":' .. n ..
        ',"pad":"' .. string.rep('x', ARGV[2]) .. '"}}')
end
return ids
LUA
        $pad // 0);
    die "XADD: $ids" if ref $ids ne 'ARRAY';

    $self->publish($ids->[-1]);

    return @$ids;
}

# Reads `count` frames; fewer when time is up or the connection ends.
sub drain
{
    my ($ws, $count, $timeout) = @_;

    my @frames;
    while (@frames < $count) {
        my $frame = $ws->json($timeout // 60) // last;
        push @frames, $frame;
    }
    return @frames;
}

# The same, but only the ids, without the cost of decoding.
sub ids
{
    my ($ws, $count, $timeout) = @_;

    my @ids;
    while (@ids < $count) {
        my $frame = $ws->next_frame($timeout // 60) // last;
        if ($frame->{opcode} == 9) {
            $ws->send_frame(10, $frame->{data});
        }
        elsif ($frame->{opcode} == 1) {
            push @ids, $frame->{data} =~ /"id":"([^"]+)"/;
        }
        else {
            last;
        }
    }
    return @ids;
}

1;
