#!/bin/sh
# The small tools: ls, find, sort, awk and sed in a pipeline of a shell, and a tree of files through
# tar and gzip, and through tar and xz, there and back.
. "$(dirname "$0")/common.sh"

need tar gzip xz find sort cmp
make_tree "$work/files" 600
cd "$work"
check_bound ls ls -lR files
check_bound tar tar -cf plain.tar --sort=name --mtime=@0 files
check_bound gzip gzip -k plain.tar
check_bound "xz liblzma.so.5" xz -k -T 2 -1 plain.tar

# Its every process inherits the preload from the shell.
pipeline='ls -lR files | sed "s/txt/TXT/" | sort -k 9 | tail -n 100
	find files -type f -size +4k | sort -r | head -n 50
	cat files/*/*.txt | awk "{ n[\$0]++ } END { for (line in n) print n[line], line }" | sort'
without_tide sh -c "$pipeline" >plain.out || fail "the pipeline fails without Tide"
with_tide sh -c "$pipeline" >tide.out || fail "the pipeline ended with $?"
same "the pipeline" plain.out tide.out

without_tide gzip -n -6 <plain.tar >plain.gz || fail "packing fails without Tide"
without_tide xz -1 -T 2 --block-size=1MiB <plain.tar >plain.xz ||
	fail "packing fails without Tide"
for packer in 'gz gzip -n -6' 'xz xz -1 -T 2 --block-size=1MiB'; do
	suffix=${packer%% *}
	command=${packer#* }
	with_tide sh -c "tar -cf - --sort=name --mtime=@0 files | $command >tide.$suffix" ||
		fail "$command ended with $?"
	same "what $command makes" "plain.$suffix" "tide.$suffix"
	mkdir "back.$suffix"
	with_tide sh -c "${command%% *} -dc tide.$suffix | tar -xf - -C back.$suffix" ||
		fail "unpacking ended with $?"
	diff -r files "back.$suffix/files" >diff.out ||
		fail "unpacked from $suffix: $(head -n 3 diff.out)"
done
finish
