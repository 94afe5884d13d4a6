# Warnings, hardening and sanitizers for every target.
include(CheckCCompilerFlag)

add_compile_options(-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes
  -Wmissing-prototypes -Wvla -Wswitch-enum -Wformat=2 -Wundef -Werror=format-security
  -Werror=implicit-function-declaration -Werror=incompatible-pointer-types -Werror=int-conversion)
add_compile_options(-fno-strict-aliasing -fno-math-errno -ffp-contract=off)
add_compile_definitions(_GNU_SOURCE)
if(LEAT_WERROR)
  add_compile_options(-Werror)
endif()

if(CMAKE_BUILD_TYPE STREQUAL "Debug")
  add_compile_definitions(LT_DEBUG=1)
  add_compile_options(-g -O1)
else()
  add_compile_options(-O2 -g1)
endif()

if(LEAT_SANITIZE)
  add_compile_options(-fsanitize=${LEAT_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${LEAT_SANITIZE})
else()
  # The OpenSSF compiler-options guide for C, 2024.
  foreach(flag -fstack-clash-protection -fstack-protector-strong -fcf-protection=full -ftrivial-auto-var-init=zero
      -fstrict-flex-arrays=3)
    string(MAKE_C_IDENTIFIER "HAVE${flag}" have)
    check_c_compiler_flag(${flag} ${have})
    if(${have})
      add_compile_options(${flag})
    endif()
  endforeach()
  if(NOT CMAKE_BUILD_TYPE STREQUAL "Debug")
    add_compile_options(-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3)
  endif()
  add_link_options(-Wl,-z,relro,-z,now,-z,noexecstack)
endif()

if(LEAT_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()
