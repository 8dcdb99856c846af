#!/usr/bin/perl
# A client of key-value-server.pl, as a program that lvs-matrix tells what to do: docs/client-programs.md.
# It takes a line for an answer, and has all time-outs that it is told: those of its own are the socket's
# (socket(7), SO_RCVTIMEO and SO_SNDTIMEO).
use strict;
use warnings;
use Errno qw(EAGAIN EINPROGRESS);
use Socket qw(:DEFAULT IPPROTO_TCP);

# tcp(7).
use constant { TCP_KEEPIDLE => 4, TCP_KEEPINTVL => 5, TCP_KEEPCNT => 6, TCP_USER_TIMEOUT => 18 };

$| = 1;
$SIG{PIPE} = 'IGNORE';
my $socket;

sub failed {
    my ($what, $error) = @_;
    my $more = $error ? sprintf(',"errno":%d', $error) : '';
    $more = ',"timed_out":true' if $error && ($error == EAGAIN || $error == EINPROGRESS);
    print qq({"event":"error","message":"$what"$more}\n);
}

# A setting of the scenario, if it is told.
sub told {
    my ($name) = @_;
    return $ENV{"LVS_MATRIX_$name"};
}

# Sets one of the socket's time-outs.
sub timed {
    my ($handle, $option, $seconds) = @_;
    $seconds //= 0;
    my $whole = int $seconds;
    setsockopt($handle, SOL_SOCKET, $option, pack('l!l!', $whole, ($seconds - $whole) * 1_000_000));
}

sub shown {
    my ($setting, $seconds, $option) = @_;
    print qq({"event":"setting","setting":"$setting","shown":"$option of $seconds s"}\n) if defined $seconds;
}

sub set {
    my ($handle) = @_;
    my ($connect, $read, $write) = (told('CONNECT_TIMEOUT'), told('READ_TIMEOUT'), told('WRITE_TIMEOUT'));
    timed($handle, SO_SNDTIMEO, $connect);
    timed($handle, SO_RCVTIMEO, $read);
    shown('connect-timeout', $connect, 'SO_SNDTIMEO');
    shown('read-timeout', $read, 'SO_RCVTIMEO');
    shown('write-timeout', $write, 'SO_SNDTIMEO');
    if (defined(my $user = told('TCP_USER_TIMEOUT'))) {
        setsockopt($handle, IPPROTO_TCP, TCP_USER_TIMEOUT, pack('I', $user * 1000));
    }
    if (defined(my $idle = told('KEEPALIVE_TIME'))) {
        setsockopt($handle, SOL_SOCKET, SO_KEEPALIVE, 1);
        setsockopt($handle, IPPROTO_TCP, TCP_KEEPIDLE, $idle + 0);
        setsockopt($handle, IPPROTO_TCP, TCP_KEEPINTVL, told('KEEPALIVE_INTERVAL') + 0);
        setsockopt($handle, IPPROTO_TCP, TCP_KEEPCNT, told('KEEPALIVE_PROBES') + 0);
    }
}

sub connected {
    socket(my $fresh, PF_INET, SOCK_STREAM, IPPROTO_TCP) or die "socket: $!\n";
    set($fresh);
    my $address = pack_sockaddr_in($ENV{LVS_MATRIX_PORT}, inet_aton($ENV{LVS_MATRIX_HOST}));
    return failed('cannot connect', $! + 0) if !connect($fresh, $address);
    timed($fresh, SO_SNDTIMEO, told('WRITE_TIMEOUT'));
    $socket = $fresh;
    print qq({"event":"connected"}\n);
}

sub asked {
    my ($text) = @_;
    return failed('there is no connection') if !$socket;
    defined syswrite($socket, "$text\r\n") or return failed('cannot send', $! + 0);
    my $answer = '';
    while ($answer !~ /\n/) {
        my $count = sysread($socket, $answer, 4096, length $answer);
        return failed('cannot read', $! + 0) if !defined $count;
        return failed('the server closed the connection') if $count == 0;
    }
    $answer =~ s/[^ -!#-\[\]-~]//g;
    print qq({"event":"result","first_row":["$answer"]}\n);
}

while (my $line = <STDIN>) {
    if ($line =~ /"do":"connect"/) {
        connected();
    } elsif ($line =~ /"do":"request","text":"((?:[^"\\]|\\.)*)"/) {
        # The text has the escapes of the scenario: `PING\r\n`.
        my $text = $1;
        $text =~ s/(?:\\\\[rn])+\z//;
        asked($text);
    }
}
