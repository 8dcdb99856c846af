#!/usr/bin/perl
# A small server of the kind that Redis is: a line of text, and a line of answer. Each connection has a process
# of its own. SIGTERM ends it as it ends most programs: at once.
#
#   PING        +PONG
#   WORK n      +DONE, after n seconds
use strict;
use warnings;
use IO::Socket::INET;

my ($port) = @ARGV;
$| = 1;
my $listener = IO::Socket::INET->new(LocalAddr => '0.0.0.0', LocalPort => $port, Listen => 128, ReuseAddr => 1)
    or die "cannot listen to port $port: $!\n";
print "$ENV{LVS_MATRIX_NAME} listens to port $port\n";
$SIG{CHLD} = 'IGNORE';
while (1) {
    my $client = $listener->accept or next;
    my $child = fork;
    defined $child or die "cannot fork: $!\n";
    if ($child) {
        close $client;
        next;
    }
    close $listener;
    $client->autoflush(1);
    while (my $line = <$client>) {
        $line =~ s/\r?\n\z//;
        if ($line eq 'PING') {
            print $client "+PONG\r\n";
        } elsif ($line =~ /\AWORK (\d+)\z/) {
            sleep $1;
            print $client "+DONE\r\n";
        } else {
            print $client "-ERR unknown command\r\n";
        }
    }
    exit 0;
}
