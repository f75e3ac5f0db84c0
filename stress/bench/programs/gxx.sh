#!/bin/sh
# g++: a large C++ source to an object with optimisation and debug information.
name=gxx
needs='g++'
compiler='g++ -std=c++17 -O2 -g -frandom-seed=1'
. "$(dirname "$0")/support/compiler.sh"

main "$@"
