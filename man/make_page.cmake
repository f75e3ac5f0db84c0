# `cmake -D IN=PAGE.in -D OUT=PAGE -D OPTIONS=FILE -D PROJECT_VERSION=V -P`: one page of the manual.
cmake_policy(VERSION 3.22)
file(READ ${OPTIONS} OPTIONS_TABLE)
configure_file(${IN} ${OUT} @ONLY)
