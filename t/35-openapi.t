#!/usr/bin/perl

# conf/openapi.yaml against the server: it names every route and no other;
# every example of it is sent, and every answer fits what is said of it;
# refusals, too.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use JSON::PP ();
use JSON::Validator;
use JunkMail::Test;
use Test::More;
use YAML::XS ();

{
    no warnings 'once';
    $YAML::XS::Boolean = 'JSON::PP';
}

my $root = "$FindBin::Bin/..";
my $doc  = YAML::XS::LoadFile("$root/conf/openapi.yaml");

# --- schemas ----------------------------------------------------------------

sub resolve
{
    my ($node) = @_;

    while (ref $node eq 'HASH' && $node->{'$ref'}) {
        my @path = split m{/}, $node->{'$ref'} =~ s{^#/}{}r;
        my $to = $doc;
        $to = $to->{$_} // die "$node->{'$ref'}: $_" for @path;
        $node = $to;
    }

    return $node;
}

# Without references, and with what allOf says put together, which
# JSON::Validator's unevaluatedProperties would not see.
sub plain
{
    my ($node) = @_;

    return [map { plain($_) } @$node] if ref $node eq 'ARRAY';
    return $node if ref $node ne 'HASH';

    my %s = %{ resolve($node) };
    my %all = %s;

    for my $part (map { plain($_) } @{ $s{allOf} || [] }) {
        $all{properties} = { %{ $all{properties} || {} },
                             %{ $part->{properties} || {} } };
        $all{required} = [@{ $all{required} || [] },
                          @{ $part->{required} || [] }];
    }

    delete $all{allOf};
    $all{additionalProperties} = JSON::PP::false
        if exists $all{unevaluatedProperties};
    delete $all{unevaluatedProperties};

    return { map { ($_ => $_ eq 'enum' || $_ eq 'example' || $_ eq 'const'
        ? $all{$_} : plain($all{$_})) } keys %all };
}

sub fits
{
    my ($data, $schema, $name) = @_;

    my @errors = JSON::Validator->new
        ->schema({ '$schema' => 'https://json-schema.org/draft/2019-09/schema',
                   type => 'object', properties => { x => plain($schema) } })
        ->validate({ x => $data });

    is("@errors", '', $name) or diag(JSON::PP->new->canonical->encode($data));
}

# --- the routes -------------------------------------------------------------

my $routes = JunkMail::Test->slurp("$root/ngx_junkmail_module/"
    . 'ngx_http_junkmail_module.c');
my %served;
while ($routes =~ /\{\s*NGX_HTTP_(GET|POST|PATCH|DELETE),\s*"([a-z][^"]*)"/g) {
    my ($method, $path) = (lc $1, $2);
    my @names = $path =~ /^view/ ? qw(ticket n) : qw(id n);
    $path =~ s/:/'{' . shift(@names) . '}'/ge;
    $served{"$method /$path"} = 1;
}

my %described;
for my $path (keys %{ $doc->{paths} }) {
    $described{"$_ $path"} = $doc->{paths}{$path}{$_}
        for grep { /^(get|post|patch|delete)$/ } keys %{ $doc->{paths}{$path} };
}

is_deeply([sort keys %described], [sort keys %served],
    'every route is described, and no other');
is(scalar(grep { !$_->{operationId} || !$_->{summary} } values %described), 0,
    'each by an id and a sentence');

# --- the examples of answers ------------------------------------------------

for my $what (sort keys %described) {
    my $responses = $described{$what}{responses};

    for my $status (sort keys %$responses) {
        my $json = resolve($responses->{$status})
            ->{content}{'application/json'} or next;
        fits($json->{example}, $json->{schema}, "$what: example of $status")
            if exists $json->{example};
    }
}

# --- the server -------------------------------------------------------------

my $jm = JunkMail::Test->new(http => 'junkmail_account_rate_limit off;');

my $me   = $jm->account;
my $home = $jm->address($me, alias => 'home');

my $mail = <<'EML';
From: Ada <ada@example.net>
To: home@junkmail.test
Subject: Hello
Message-ID: <1@example.net>
Content-Type: multipart/mixed; boundary=b

--b
Content-Type: text/html

<p>Your code is 493817. <a href="https://example.net/">Confirm</a>
<img src="https://example.net/logo.png" width=100 height=50 alt=Logo>
<img src="cid:a@example.net" alt=A>
<img src="https://track.hubspot.com/__ptq.gif?k=14" width=1 height=1></p>
--b
Content-Type: image/png; name=a.png
Content-Disposition: inline
Content-ID: <a@example.net>
Content-Transfer-Encoding: base64

iVBORw0KGgo=
--b
Content-Type: application/pdf; name=b.pdf
Content-Disposition: attachment

%PDF-
--b--
EML

sub new_mail
{
    my %had = map { ($_->{id} => 1) } @{ emails()->{data} };
    $jm->send_mail('home@junkmail.test', $mail);
    my ($new) = grep { !$had{ $_->{id} } } @{ emails()->{data} };
    return $new->{id};
}

sub emails
{
    return $jm->api(GET => '/emails?fields=summary', key => $me->{key})
        ->{json};
}

# What stands for the variables of a path: something that may be deleted.
sub filled
{
    my ($path) = @_;

    my $id = $path =~ m{^/addresses} ? $jm->address($me)->{id}
           : $path =~ m{^/keys}
           ? $jm->api(POST => '/keys', key => $me->{key}, json => {
               name => 'x', scopes => ['emails:read'] })->{json}{data}{id}
           : new_mail();

    if ($path =~ /\{ticket\}/) {
        my $url = $jm->api(POST => "/emails/$id/view", key => $me->{key})
            ->{json}{data}{url};
        my ($ticket) = $url =~ m{view/([^/]+)/};
        $path =~ s/\{ticket\}/$ticket/;
    }

    return $path =~ s/\{id\}/$id/r =~ s/\{n\}/1/r;
}

# Sends it; the answer must be one that the operation names.
sub try
{
    my ($what, $path, $name, %opt) = @_;

    my ($method, $pattern) = split / /, $what;
    my $r = $jm->api(uc $method, $path, %opt);
    my $said = $described{$what}{responses}{ $r->{status} };

    ok($said, "$what: $name: $r->{status} is described") or return $r;

    my $content = resolve($said)->{content} || {};
    my $json = $content->{'application/json'};
    my ($type) = ($r->{headers}{'content-type'} // '') =~ /^([^;]*)/;

    ok($content->{$type} || $content->{'*/*'}, "$what: $name: $type")
        if $r->{body} ne '';
    fits($r->{json}, $json->{schema}, "$what: $name: as described") if $json;
    ok($r->{headers}{lc $_}, "$what: $name: $_")
        for keys %{ resolve($said)->{headers} || {} };

    return $r;
}

for my $what (sort keys %described) {
    my ($method, $pattern) = split / /, $what;
    my $op = $described{$what};
    my $open = $op->{security} && !@{ $op->{security} };
    my @key = $open ? () : (key => $me->{key});

    next if $what =~ m{ /(events|accounts/me|emails/wait)$};

    # Parameters: none, each, all together.
    my @query = map { "$_->{name}="
            . (ref $_->{example} ? 'true' : $_->{example}) }
        grep { $_->{in} eq 'query' && exists $_->{example} }
        map { resolve($_) } @{ $op->{parameters} || [] };
    my @bodies = map { $_->{value} } values
        %{ $op->{requestBody}{content}{'application/json'}{examples} || {} };

    # These three exclude each other.
    my @together = grep { !/^(unread|starred)=/ } @query;

    for my $query ('', @query, @together > 1 ? join('&', @together) : ()) {
        for my $body (@bodies ? @bodies : undef) {
            my $r = try($what, filled($pattern) . ($query && "?$query"),
                $query || ($body ? JSON::PP->new->canonical->encode($body)
                    : 'plainly'), @key, $body ? (json => $body) : ());
            like($r->{status}, qr/^20[01]$/, "$what: done")
                or diag($r->{body});
        }
    }

    # Refusals.
    if (!$open) {
        is(try($what, filled($pattern), 'without a key')->{status}, 401,
            "$what: 401");
    }
    if ($pattern =~ /\{(id|ticket)\}/) {
        my $other = $pattern =~ s/\{\w+\}/'0' x 8/er =~ s/\{n\}/1/r;
        is(try($what, $other, 'of nothing', @key, @bodies ? (json => {}) : ())
            ->{status}, 404, "$what: 404");
    }
    if (@bodies) {
        is(try($what, filled($pattern), 'no JSON', @key, body => '{',
            headers => { 'Content-Type' => 'application/json' })->{status},
            400, "$what: 400");
        is(try($what, filled($pattern), 'no type', @key, body => '{}',
            headers => { 'Content-Type' => 'text/plain' })->{status},
            415, "$what: 415");
        is(try($what, filled($pattern), 'too long', @key,
            body => ' ' x 70000,
            headers => { 'Content-Type' => 'application/json' })->{status},
            413, "$what: 413");
    }
}

# An email in full, and conditionally.

my $id = new_mail();
my $r  = try('get /emails/{id}', "/emails/$id", 'in full', key => $me->{key});
is(scalar @{ $r->{json}{data}{trackers} }, 1, 'with its tracker');
is(scalar @{ $r->{json}{data}{remoteImages} }, 1, 'its image');
is(scalar @{ $r->{json}{data}{attachments} }, 2, 'its attachments');
is_deeply($r->{json}{data}{codes}, ['493817'], 'its code');
is(try('get /emails/{id}', "/emails/$id", 'not modified', key => $me->{key},
    headers => { 'If-None-Match' => $r->{headers}{etag} })->{status}, 304,
    'not modified');
is(try('get /emails/{id}/attachments/{n}', "/emails/$id/attachments/1",
    'a range', key => $me->{key}, headers => { Range => 'bytes=90-' })
    ->{status}, 416, 'a bad range');

# Waiting.

for my $query ('timeout=1&subject=nowhere', 'timeout=0',
    'after=00000000-0000-7000-8000-000000000000', 'address_id=x')
{
    try('get /emails/wait', "/emails/wait?$query", $query, key => $me->{key});
}

# Events.

my $ws = $jm->ws('/api/v1/events', key => $me->{key});
fits($ws->json, $doc->{components}{schemas}{Event}, 'hello');
$jm->send_mail('home@junkmail.test', $mail);
my $event = $ws->json;
is($event->{type}, 'email.received', 'an event');
fits($event, $doc->{components}{schemas}{Event}, 'as described');
fits($event->{data}, $doc->{components}{schemas}{EmailSummary}, 'its data');
is(try('get /events', '/events', 'no upgrade', key => $me->{key})->{status},
    406, 'no upgrade');

# At last the account.

try('get /accounts/me', '/accounts/me', 'in the end', key => $me->{key});
is(try('delete /accounts/me', '/accounts/me', 'in the end', key => $me->{key})
    ->{status}, 200, 'deleted');
try('get /accounts/me', '/accounts/me', 'deleted', key => $me->{key});

$jm->done;
done_testing;
