# `cmake -D IN=PAGE.in -D OUT=PAGE -D OPTIONS=FILE -D FLAGS=FILE -D PROJECT_VERSION=V -P`: one page of the manual.
cmake_policy(VERSION 3.22)
file(READ ${OPTIONS} OPTIONS_TABLE)
file(READ ${FLAGS} FLAGS_TABLE)
configure_file(${IN} ${OUT} @ONLY)
