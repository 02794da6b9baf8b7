package JunkMail::HTTP;

# One HTTP/1.1 request over a fresh connection.  HTTP::Tiny does the protocol;
# this only shapes what tests ask and see:
#   request($port, GET => '/x', key => 'jm_live_…', json => {...},
#           headers => {...}, body => '...', gzip => 1)
#   → { status, headers (lower-case names), body, json }

use strict;
use warnings;

use Compress::Zlib qw(memGunzip);
use HTTP::Tiny;
use JSON::PP;

my $json = JSON::PP->new->utf8->allow_nonref;

sub request
{
    my ($port, $method, $path, %opt) = @_;

    my %headers = %{ $opt{headers} || {} };
    my $body    = $opt{body};

    if ($opt{key}) {
        $headers{Authorization} = "Bearer $opt{key}";
    }
    if (exists $opt{json}) {
        $body = $json->encode($opt{json});
        $headers{'Content-Type'} //= 'application/json';
    }
    if ($opt{gzip}) {
        $headers{'Accept-Encoding'} = 'gzip';
    }

    my $http = HTTP::Tiny->new(timeout => $opt{timeout} || 60,
        max_redirect => 0, keep_alive => 0);
    my $r = $http->request($method, "http://127.0.0.1:$port$path",
        { headers => \%headers, defined $body ? (content => $body) : () });

    my %r = (status => $r->{status}, headers => $r->{headers},
             body => $r->{content} // '');

    if (($r{headers}{'content-encoding'} // '') eq 'gzip') {
        $r{wire} = $r{body};
        my $plain = memGunzip(my $copy = $r{body});
        $r{body} = $plain if defined $plain;
    }

    if (($r{headers}{'content-type'} // '') =~ m{^application/json}) {
        $r{json} = eval { $json->decode($r{body}) };
    }

    return \%r;
}

1;
