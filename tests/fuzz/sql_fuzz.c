/* Whatever the parser accepts prints to text that parses to an equal tree; whatever it refuses has
 * an error with a position inside the text. Runs on the script splitter's pieces, so that it is
 * covered as well. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/assert.h"
#include "sql/parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_error(const lt_error *err, lt_str text)
{
    LT_ASSERT(err->code == LT_ERR_SQL || err->code == LT_ERR_UNSUPPORTED ||
              err->code == LT_ERR_LIMIT);
    LT_ASSERT(err->text[0] != '\0');
    LT_ASSERT(!err->has_sql_pos || err->sql_pos <= text.len);
}

static void check_again(lt_arena *arena, const lt_ast_stmt *stmt, lt_text *printed)
{
    lt_ast_stmt *again = NULL;
    lt_error err;
    lt_error_clear(&err);
    lt_sql_print_statement(stmt, 0, printed);
    LT_ASSERT(!printed->failed);
    lt_status st = lt_sql_parse_statement(&again, arena, lt_text_str(printed), &err);
    LT_ASSERT(st == LT_OK);
    LT_ASSERT(lt_ast_stmt_eq(stmt, again));
}

static void check_piece(lt_mem *mem, lt_str text)
{
    lt_arena *arena = lt_arena_new(mem, (size_t)1 << 30);
    lt_text printed;
    lt_text_init(&printed, mem);
    lt_ast_stmt *stmt = NULL;
    lt_error err;
    lt_error_clear(&err);
    if (arena && lt_sql_parse_statement(&stmt, arena, text, &err) == LT_OK) {
        check_again(arena, stmt, &printed);
    } else if (arena) {
        check_error(&err, text);
        lt_sql_error_render(&err, text, &printed);
    }
    lt_text_deinit(&printed);
    lt_arena_free(arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    lt_mem mem;
    lt_mem_init(&mem, NULL, "fuzz", 0);
    lt_sql_script script = {.text = {(const char *)data, size}};
    lt_sql_piece piece;
    check_piece(&mem, script.text);
    while (lt_sql_next(&script, &piece)) {
        check_piece(&mem, piece.text);
    }
    lt_mem_deinit(&mem);
    return 0;
}
