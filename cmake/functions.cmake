# Libraries of functions for LANGUAGE C: the example, and what the tests call. Each is a plugin that knows nothing of the engine but leat/udf.h.
function(leat_functions target source folder)
  add_library(${target} MODULE ${PROJECT_SOURCE_DIR}/${source})
  target_include_directories(${target} PRIVATE ${PROJECT_SOURCE_DIR}/include)
  set_target_properties(${target} PROPERTIES LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/${folder})
endfunction()

leat_functions(text_functions examples/udf/text_functions.c examples/udf)
if(LEAT_TESTS)
  leat_functions(test_functions tests/udf/test_functions.c tests/udf)
endif()
