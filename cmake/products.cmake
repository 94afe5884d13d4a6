# What is shipped: libleat (shared and static), the leat binary, header and pkg-config file. All of it lies in the root of the build folder.

target_include_directories(lt_cli PUBLIC ${PROJECT_SOURCE_DIR}/include)

# The engine's objects, once more as one library. lt_cli is on top of them.
get_property(layers GLOBAL PROPERTY LEAT_LAYERS)
set(engine_objects)
foreach(layer ${layers})
  get_target_property(kind ${layer} TYPE)
  if(NOT layer STREQUAL lt_cli AND NOT kind STREQUAL INTERFACE_LIBRARY)
    list(APPEND engine_objects $<TARGET_OBJECTS:${layer}>)
  endif()
endforeach()
set(engine_libraries ZLIB::ZLIB PkgConfig::zstd PkgConfig::pcre2 PkgConfig::xxhash Threads::Threads ${CMAKE_DL_LIBS} m)

add_library(leat_static STATIC ${engine_objects})
add_library(leat_shared SHARED ${engine_objects})
add_executable(leat $<TARGET_OBJECTS:lt_cli>)
foreach(product leat_static leat_shared leat)
  set_target_properties(${product} PROPERTIES
    OUTPUT_NAME leat
    LINKER_LANGUAGE C
    ARCHIVE_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}
    LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}
    RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR})
  target_include_directories(${product} PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>
    $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
endforeach()

target_link_libraries(leat_static PUBLIC ${engine_libraries})
target_link_libraries(leat_shared PRIVATE ${engine_libraries})
set_target_properties(leat_shared PROPERTIES VERSION ${PROJECT_VERSION} SOVERSION 0
  LINK_DEPENDS ${PROJECT_SOURCE_DIR}/cmake/leat.map)
target_link_options(leat_shared PRIVATE -Wl,--version-script=${PROJECT_SOURCE_DIR}/cmake/leat.map)
target_link_libraries(leat PRIVATE leat_static)
add_custom_target(products ALL DEPENDS leat leat_shared leat_static)

configure_file(${PROJECT_SOURCE_DIR}/cmake/leat.pc.in ${CMAKE_BINARY_DIR}/leat.pc @ONLY)

install(TARGETS leat RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(TARGETS leat_static ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(TARGETS leat_shared LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(FILES ${PROJECT_SOURCE_DIR}/include/leat/leat.h ${PROJECT_SOURCE_DIR}/include/leat/udf.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/leat)
install(FILES ${CMAKE_BINARY_DIR}/leat.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
