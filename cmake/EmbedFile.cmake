# policyc_embed_files(OUT_VAR NAME name NAMESPACE ns [BASE dir] FILES file...) makes a C++ source, at build time and again
# when a file changes, with every file's bytes. OUT_VAR is set to the source, which defines
#   std::span<const EmbeddedFile> NAMESPACE::name();
# in the order of FILES; EmbeddedFile is declared in HEADER. Paths are relative to BASE, default the repository's root.
#
# The second half runs as a script (cmake -P) inside the build.
if(NOT CMAKE_SCRIPT_MODE_FILE)
  set(POLICYC_EMBED_SCRIPT ${CMAKE_CURRENT_LIST_FILE})

  function(policyc_embed_files out_var)
    cmake_parse_arguments(ARG "" "NAME;NAMESPACE;HEADER;BASE" "FILES;DEPENDS" ${ARGN})
    if(NOT ARG_BASE)
      set(ARG_BASE ${PROJECT_SOURCE_DIR})
    endif()
    set(source ${CMAKE_CURRENT_BINARY_DIR}/embedded_${ARG_NAME}.cpp)
    string(REPLACE ";" "|" files "${ARG_FILES}")
    add_custom_command(
      OUTPUT ${source}
      COMMAND ${CMAKE_COMMAND} -DOUTPUT=${source} -DNAME=${ARG_NAME} -DNAMESPACE=${ARG_NAMESPACE} -DHEADER=${ARG_HEADER}
              -DBASE=${ARG_BASE} "-DFILES=${files}" -P ${POLICYC_EMBED_SCRIPT}
      DEPENDS ${ARG_FILES} ${ARG_DEPENDS} ${POLICYC_EMBED_SCRIPT}
      COMMENT "Embedding ${ARG_NAME}"
      VERBATIM)
    set(${out_var} ${source} PARENT_SCOPE)
  endfunction()
  return()
endif()

string(REPLACE "|" ";" FILES "${FILES}")
set(arrays "")
set(rows "")
set(index 0)
foreach(file IN LISTS FILES)
  file(RELATIVE_PATH path "${BASE}" "${file}")
  file(READ "${file}" hex HEX)
  string(REGEX REPLACE "(................................................................)" "\\1\n" hex "${hex}")
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
  # The NUL after the end is for readers that want text; it is not counted.
  string(APPEND arrays "constexpr std::uint8_t kFile${index}[] = {\n${bytes}0x00};\n")
  string(APPEND rows "    {\"${path}\", {kFile${index}, sizeof(kFile${index}) - 1}},\n")
  math(EXPR index "${index} + 1")
endforeach()

set(text "// Made by cmake/EmbedFile.cmake.\n#include <cstdint>\n\n#include \"${HEADER}\"\n\nnamespace ${NAMESPACE} {\n")
if(index EQUAL 0)
  string(APPEND text "std::span<const EmbeddedFile> ${NAME}() { return {}; }\n")
else()
  string(APPEND text "namespace {\n${arrays}constexpr EmbeddedFile kFiles[] = {\n${rows}};\n}  // namespace\n\n"
                     "std::span<const EmbeddedFile> ${NAME}() { return kFiles; }\n")
endif()
string(APPEND text "}  // namespace ${NAMESPACE}\n")
file(WRITE "${OUTPUT}" "${text}")
