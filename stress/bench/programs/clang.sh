#!/bin/sh
# clang++: a large C++ source to an object with optimisation and debug information.
name=clang
needs='clang++-14'
compiler='clang++-14 -std=c++17 -O2 -g'
. "$(dirname "$0")/support/compiler.sh"

main "$@"
