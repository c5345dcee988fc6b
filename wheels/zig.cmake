# A wheel's compilers: zig, with the libraries of an old Linux; see build.py, which writes the commands.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR $ENV{FLIPSLIDE_WHEEL_ARCH})
foreach(tool C_COMPILER CXX_COMPILER AR RANLIB)
  set(CMAKE_${tool} $ENV{FLIPSLIDE_WHEEL_TOOLS}/${tool})
endforeach()
