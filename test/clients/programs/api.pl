# Speaks to serve by a client that is made of its OpenAPI document. Prints `OPERATION STATUS` for each call, after
# judging the answer by the document: api.pl URL TOKEN
use strict;
use warnings;
use OpenAPI::Client;

my ($url, $token) = @ARGV;
my $client = OpenAPI::Client->new("$url/openapi.json", base_url => $url);
$client->ua->on(start => sub { $_[1]->req->headers->authorization("Bearer $token") });

sub call {
    my ($operation, @arguments) = @_;
    my $tx = $client->call($operation, @arguments);
    my $response = $tx->res;
    my ($method, $path) = @{{map { $_->{operation_id} => $_ } $client->validator->routes->each}->{$operation}}{qw(method path)};
    my ($type) = split /;/, $response->headers->content_type // '';
    my $body = $type =~ /json/ ? $response->json : $response->body;
    my @problems = $client->validator->validate_response(
        [$method, $path, $response->code],
        {body => sub { {exists => 1, value => $body, content_type => $type, accept => $type} }, header => sub { {exists => 1, value => [$_[0]]} }},
    );
    print "$operation ", $response->code, @problems ? " @problems" : '', "\n";
    return $body;
}

call('getHealth');
call('getReadiness');
call('askAdmission', {}, json => {Tasks => [{Name => 'main', Network => {Type => 'HTTP', Domains => ['example.com']}}]});
my $gateway = call('openGateway', {}, json => {jobId => 'perl', network => {Domains => ['example.com']}, rate => '5mbit'});
call('openGateway', {}, json => {jobId => 'perl', network => {Domains => ['example.com']}, rate => '1mbit'});
my %of = (id => $gateway->{id});
call('getGateway', {%of});
my $changed = call('changeGateway', {%of, 'If-Match' => '"' . $gateway->{revision} . '"'}, json => {allow => ['example.net']});
print "domains @{$changed->{domains}}\n";
call('changeGateway', {%of, 'If-Match' => '"1-old"'}, json => {rate => '1mbit'});
my $list = call('listGateways', {job => 'perl', state => 'open', limit => 1});
print 'listed ', join(' ', map { $_->{id} eq $gateway->{id} ? 'it' : 'another' } @{$list->{gateways}}), "\n";
call('getDockerOptions', {%of});
call('getGatewayHistory', {%of});
call('getOverview');
call('closeGateway', {%of, drain => '10ms'});
call('getGateway', {%of});
call('getDockerOptions', {%of});
call('listGateways', {state => 'closed'});
call('listJobs', {limit => 5});
call('getJob', {id => 'nothing'});
call('followEvents', {since => '10m', follow => 0});
call('getMetrics');
