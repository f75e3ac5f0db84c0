# Toolchain file: 64-bit Arm, built here and run under qemu-user. For the preset `aarch64`;
# cmake/setup.sh installs what it needs on Debian.

set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)

# Programs find their loader and C library there.
set(tide_cross_root /usr/aarch64-linux-gnu)
set(CMAKE_CROSSCOMPILING_EMULATOR qemu-aarch64 -L ${tide_cross_root})

# Headers of the machine that builds must not be seen: its C library's are among them. Those that are
# the same for all machines are linked into the build folder (CrossHeaders.cmake).
set(CMAKE_FIND_ROOT_PATH ${tide_cross_root})
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)
