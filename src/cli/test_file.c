/* Test files as blocks. A block begins with a directive and ends at an empty line; `#` starts a
 * comment line outside of SQL. Blocks borrow from the file's text, and remember which bytes their
 * expected rows take, so that --update replaces just those. */
#include "cli/test_int.h"

typedef struct {
    lt_arena *arena;
    const char *path;
    lt_str text;
    size_t at;     /* start of the next line */
    uint32_t line; /* its number */
} reader;

static bool next_line(reader *in, lt_str *line)
{
    if (in->at >= in->text.len) {
        return false;
    }
    const char *start = in->text.ptr + in->at;
    const char *end = memchr(start, '\n', in->text.len - in->at);
    size_t len = end != NULL ? (size_t)(end - start) : in->text.len - in->at;
    in->at += len + (end != NULL ? 1 : 0);
    in->line++;
    *line = (lt_str){start, len};
    while (line->len > 0 && (line->ptr[line->len - 1] == '\r' || line->ptr[line->len - 1] == ' ')) {
        line->len--;
    }
    return true;
}

static lt_str take_word(lt_str *rest)
{
    *rest = lt_str_trim(*rest);
    size_t len = 0;
    while (len < rest->len && rest->ptr[len] != ' ' && rest->ptr[len] != '\t') {
        len++;
    }
    lt_str word = {rest->ptr, len};
    *rest = lt_str_trim((lt_str){rest->ptr + len, rest->len - len});
    return word;
}

static bool is(lt_str word, const char *text)
{
    return lt_str_eq(word, lt_str_of(text));
}

static lt_status mistake(const reader *in, const lt_block *block, lt_error *err, const char *what,
                         lt_str word)
{
    return lt_error_set(err, LT_ERR_USAGE, "%s:%u: %s" LT_STR_FMT, in->path, block->line, what,
                        LT_STR_ARG(word));
}

/* final, changelog, sorted */
static lt_status take_flags(const reader *in, lt_block *block, lt_str rest, lt_error *err)
{
    while (rest.len > 0) {
        lt_str word = take_word(&rest);
        if (is(word, "final")) {
            block->final = true;
        } else if (is(word, "changelog")) {
            block->changelog = true;
        } else if (is(word, "sorted")) {
            block->sorted = true;
        } else {
            return mistake(in, block, err, "it takes final, changelog or sorted, and not ", word);
        }
    }
    return LT_OK;
}

static lt_status expect_head(const reader *in, lt_block *block, lt_str rest, lt_error *err)
{
    block->kind = LT_BLOCK_EXPECT;
    block->name = take_word(&rest);
    if (is(block->name, "file")) {
        block->kind = LT_BLOCK_EXPECT_FILE;
        block->name = take_word(&rest);
        return take_flags(in, block, rest, err);
    }
    lt_str peek = rest;
    lt_str word = take_word(&peek);
    if (is(word, "error")) {
        block->kind = LT_BLOCK_EXPECT_ERROR;
        block->rest = peek;
        return LT_OK;
    }
    if (is(word, "ledger")) {
        block->kind = LT_BLOCK_EXPECT_LEDGER;
        return LT_OK;
    }
    return take_flags(in, block, rest, err);
}

static lt_status statement_head(const reader *in, lt_block *block, lt_str rest, lt_error *err)
{
    lt_str word = take_word(&rest);
    if (is(word, "ok")) {
        block->kind = LT_BLOCK_OK;
        return LT_OK;
    }
    if (is(word, "error")) {
        block->kind = LT_BLOCK_ERROR;
        block->rest = rest;
        return LT_OK;
    }
    return mistake(in, block, err, "a statement is ok or error, and not ", word);
}

static lt_status feed_head(lt_block *block, lt_str rest)
{
    block->kind = LT_BLOCK_FEED;
    block->name = take_word(&rest);
    lt_str peek = rest;
    if (is(take_word(&peek), "raw")) {
        block->raw = true;
        rest = peek;
    }
    block->rest = rest;
    return LT_OK;
}

static bool simple_is_whole(const lt_block *block, lt_str rest)
{
    if (block->kind == LT_BLOCK_CRASH) {
        return true;
    }
    if (block->kind == LT_BLOCK_CHECKPOINT) {
        return rest.len == 0;
    }
    if (block->kind == LT_BLOCK_RESTART) {
        return is(rest, "from checkpoint");
    }
    if (block->kind == LT_BLOCK_REQUIRES) {
        return is(rest, "native-functions");
    }
    if (block->kind == LT_BLOCK_SKIP) {
        return (is(block->name, "matrix") || is(block->name, "threads") ||
                is(block->name, "restarts")) &&
               block->rest.len > 0;
    }
    return rest.len > 0;
}

static lt_status named_head(const reader *in, lt_block *block, lt_str word, lt_str rest,
                            lt_error *err)
{
    static const struct {
        const char *word;
        lt_block_kind kind;
    } simple[] = {
        {"end", LT_BLOCK_END},
        {"clock", LT_BLOCK_CLOCK},
        {"include", LT_BLOCK_INCLUDE},
        {"source", LT_BLOCK_SOURCE},
        {"sink", LT_BLOCK_SINK},
        {"skipif", LT_BLOCK_SKIP},
        {"requires", LT_BLOCK_REQUIRES},
        {"restart", LT_BLOCK_RESTART},
        {"checkpoint", LT_BLOCK_CHECKPOINT},
        {"crash", LT_BLOCK_CRASH},
    };
    for (size_t i = 0; i < LT_COUNT_OF(simple); i++) {
        if (is(word, simple[i].word)) {
            block->kind = simple[i].kind;
            block->name = rest;
            block->rest = rest;
            if (block->kind == LT_BLOCK_SKIP) {
                block->name = take_word(&block->rest);
            }
            bool whole = simple_is_whole(block, rest);
            return whole ? LT_OK : mistake(in, block, err, "incomplete: ", word);
        }
    }
    return mistake(in, block, err, "unknown directive: ", word);
}

static lt_status parse_head(const reader *in, lt_block *block, lt_str line, lt_error *err)
{
    lt_str rest = line;
    lt_str word = take_word(&rest);
    if (is(word, "statement")) {
        return statement_head(in, block, rest, err);
    }
    if (is(word, "query")) {
        block->kind = LT_BLOCK_QUERY;
        return take_flags(in, block, rest, err);
    }
    if (is(word, "start")) {
        block->kind = LT_BLOCK_START;
        block->name = take_word(&rest);
        if (block->name.len == 0) {
            return mistake(in, block, err, "the query needs a name: start NAME", rest);
        }
        return take_flags(in, block, rest, err);
    }
    if (is(word, "feed")) {
        return feed_head(block, rest);
    }
    if (is(word, "expect")) {
        return expect_head(in, block, rest, err);
    }
    return named_head(in, block, word, rest, err);
}

static bool has_sql(lt_block_kind kind)
{
    return kind == LT_BLOCK_OK || kind == LT_BLOCK_ERROR || kind == LT_BLOCK_START ||
           kind == LT_BLOCK_QUERY;
}

static bool may_have_rows(lt_block_kind kind)
{
    return kind == LT_BLOCK_ERROR || kind == LT_BLOCK_QUERY || kind == LT_BLOCK_FEED ||
           kind == LT_BLOCK_EXPECT || kind == LT_BLOCK_EXPECT_FILE ||
           kind == LT_BLOCK_EXPECT_LEDGER;
}

/* The block's lines; the reader stands behind the directive. */
static lt_status parse_body(reader *in, lt_block *block, lt_error *err)
{
    bool in_sql = has_sql(block->kind);
    lt_status st = LT_OK;
    size_t sql_from = in->at;
    size_t end = in->at;
    block->rows_from = in->at;
    block->rows_line = in->line + 1;
    lt_str line;
    uint32_t cap = 0;
    while (next_line(in, &line) && line.len > 0) {
        if (in_sql && may_have_rows(block->kind) && lt_str_eq(line, LT_STR("----"))) {
            block->sql = lt_str_trim((lt_str){in->text.ptr + sql_from, end - sql_from});
            block->has_rows = true;
            block->rows_from = in->at;
            block->rows_line = in->line + 1;
            in_sql = false;
        } else if (!in_sql && line.ptr[0] != '#') {
            if (block->row_count == cap) {
                cap = cap == 0 ? 16 : cap * 2;
                lt_str *more = LT_NEW_ARRAY(in->arena, lt_str, cap);
                if (more == NULL) {
                    return lt_error_nomem(err, "a test file");
                }
                for (uint32_t i = 0; i < block->row_count; i++) {
                    more[i] = block->rows[i];
                }
                block->rows = more;
            }
            block->rows[block->row_count++] = line;
        }
        end = in->at;
    }
    block->rows_to = end;
    if (in_sql) {
        block->sql = lt_str_trim((lt_str){in->text.ptr + sql_from, end - sql_from});
        block->rows_from = end;
    } else if (!has_sql(block->kind)) {
        block->has_rows = true;
    }
    if (has_sql(block->kind) && block->sql.len == 0) {
        st = mistake(in, block, err, "a statement is missing", (lt_str){"", 0});
    } else if (block->row_count > 0 && !may_have_rows(block->kind)) {
        st = mistake(in, block, err, "this block takes no further lines: ", block->rows[0]);
    }
    return st;
}

lt_status lt_test_parse(lt_arena *arena, const char *path, lt_str text, lt_test_file *out,
                        lt_error *err)
{
    reader in = {.arena = arena, .path = path, .text = text};
    uint32_t cap = 0;
    lt_str line;
    *out = (lt_test_file){.path = path, .text = text};
    while (next_line(&in, &line)) {
        if (line.len == 0 || line.ptr[0] == '#') {
            continue;
        }
        if (out->count == cap) {
            cap = cap == 0 ? 32 : cap * 2;
            lt_block *more = LT_NEW_ARRAY(arena, lt_block, cap);
            if (more == NULL) {
                return lt_error_nomem(err, "a test file");
            }
            if (out->count > 0) {
                memcpy(more, out->blocks, sizeof *more * out->count);
            }
            out->blocks = more;
        }
        lt_block *block = &out->blocks[out->count++];
        *block = (lt_block){.line = in.line};
        LT_TRY(parse_head(&in, block, line, err));
        LT_TRY(parse_body(&in, block, err));
        bool skips = block->kind == LT_BLOCK_SKIP;
        out->skip_matrix = out->skip_matrix || (skips && is(block->name, "matrix"));
        /* Threads see a moved clock when they see it. */
        out->skip_threads = out->skip_threads || (skips && is(block->name, "threads")) ||
                            block->kind == LT_BLOCK_CLOCK;
        out->skip_restarts = out->skip_restarts || (skips && is(block->name, "restarts"));
        out->needs_native = out->needs_native || block->kind == LT_BLOCK_REQUIRES;
        out->keeps_state =
            out->keeps_state || block->kind == LT_BLOCK_CHECKPOINT || block->kind == LT_BLOCK_CRASH;
    }
    return LT_OK;
}
