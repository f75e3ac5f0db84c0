#!/bin/sh
# python3: JSON, regular expressions, sorting, objects and strings. With PYTHONMALLOC=malloc: its own
# small-object allocator would serve nearly all of it.
name=python
needs='/usr/bin/python3'
. "$(dirname "$0")/support/common.sh"

# By full path: a wrapper found first on PATH would be a different program under the preload. Not
# isolated (-I): python3 would then not look at PYTHONMALLOC.
python() {
	"$@" env -u PYTHONPATH -u PYTHONHOME -u PYTHONSTARTUP \
		PYTHONMALLOC=malloc PYTHONHASHSEED=0 PYTHONDONTWRITEBYTECODE=1 \
		/usr/bin/python3 -s "$support/python.py" "$size"
}

probe() {
	size=1
	python "$@"
}

prepare() {
	size=$(pick 60 2)
	python measured >expected
}

run() {
	size=$(pick 60 2)
	python measured >out
	same "the output" "$home/expected" out
	result "$size" thousand-records
}

main "$@"
