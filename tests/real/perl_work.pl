# Work for perl.sh: prints what depends on this text alone.
use strict;
use warnings;

my $state = 1;

sub below {
	my ($limit) = @_;
	$state = ($state * 1103515245 + 12345) % 2147483648;
	return int($state / 65536) % $limit;
}

sub checksum {
	return unpack('%32C*', $_[0]);
}

# Keys of many lengths, deletions in another order.
my %table;
$table{ 'k' x below(60) . $_ } = 'v' x below(400) for 1 .. 30000;
my @keys = sort { length $a <=> length $b or $a cmp $b } keys %table;
delete $table{ $keys[$_] } for grep { $_ % 3 } 0 .. $#keys;
print 'table ', scalar(keys %table), ' ',
	checksum(join ',', map { $_ . $table{$_} } sort keys %table), "\n";

# Sorts of numbers, of strings, by a computed key.
my @numbers = map { below(32768) * 31 + below(31) } 1 .. 50000;
my @sorted = sort { $a <=> $b } @numbers;
my @by_tail = map { $_->[1] } sort { $a->[0] cmp $b->[0] or $a->[1] <=> $b->[1] }
	map { [ scalar reverse($_), $_ ] } @numbers[ 0 .. 20000 ];
print "sorted @sorted[0, 25000, 49999] @by_tail[0, 10000, 20000]\n";

# One string that grows and is cut, and what regular expressions make of it.
my $text = '';
for my $i (1 .. 20000) {
	$text .= sprintf '%s-%05d;', chr(97 + $i % 26) x ($i % 17), $i;
	substr($text, 0, 3000, '') if length $text > 100000;
}
my %seen;
$seen{ $1 . length $2 }++ while $text =~ /(([a-z])\2*)-/g;
$text =~ s/(\d+)/$1 * 3/ge;
print 'text ', length $text, ' ', checksum($text), ' ', scalar(keys %seen), ' ',
	join('', (split /;/, $text)[5 .. 9]), "\n";

# Trees, copied deeply and dropped; closures that keep their own memory.
sub tree {
	my ($depth) = @_;
	return { leaf => 'l' x below(200) } unless $depth;
	return { left => tree($depth - 1), right => tree($depth - 1), pad => [ 1 .. below(20) ] };
}

sub copy {
	my ($node) = @_;
	return ref $node eq 'HASH' ? { map { $_ => copy($node->{$_}) } keys %$node }
		: ref $node eq 'ARRAY' ? [ map { copy($_) } @$node ]
		: $node;
}

sub weigh {
	my ($node) = @_;
	return length $node->{leaf} if exists $node->{leaf};
	return @{ $node->{pad} } + weigh($node->{left}) + weigh($node->{right});
}

for my $round (1 .. 4) {
	my $tree = tree(10);
	my $twin = copy($tree);
	delete $tree->{left};
	my @closures = map { my $i = $_; my @own = (1) x below(50); sub { $i + @own } } 1 .. 3000;
	my $sum = 0;
	$sum += $_->() for @closures;
	print "round $round ", weigh($twin), " $sum\n";
}

# die out of deep calls; a child that goes on with the same memory.
no warnings 'recursion';
sub deep { my ($n) = @_; my $own = 'd' x $n; $n ? deep($n - 1) : die "bottom\n" }
eval { deep(2000) } for 1 .. 5;
print "died: $@";
$| = 1;
my $child = fork;
die "fork: $!" unless defined $child;
if (!$child) {
	$table{$_} = $table{$_} . 'c' for keys %table;
	print 'child ', checksum(join '', map { $table{$_} } sort keys %table), "\n";
	exit 0;
}
waitpid $child, 0;
print "child ended with $?\n";
print 'parent ', checksum(join '', map { $table{$_} } sort keys %table), "\n";
