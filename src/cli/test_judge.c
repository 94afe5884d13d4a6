/* What was expected against what came. Several lanes keep the order of rows of one key, not that
 * across keys; what else may differ then is what the plan's class of determinism leaves open, and
 * only what it promises is compared. */
#include "cli/test_int.h"

#define FILE_BYTES_MAX ((size_t)64 << 20)

/* ---- reporting ---- */

static void report_place(lt_world *world, const lt_block *block)
{
    world->failures++;
    lt_text_printf(world->report, "  %s:%u", world->file->path, block->line);
    if (world->setting->name[0] != '\0') {
        lt_text_printf(world->report, " (%s)", world->setting->name);
    }
}

void lt_judge_report(lt_world *world, const lt_block *block, const char *what, const char *text)
{
    report_place(world, block);
    lt_text_printf(world->report, ": %s\n", what);
    lt_str rest = lt_str_of(text);
    while (rest.len > 0) {
        const char *end = memchr(rest.ptr, '\n', rest.len);
        size_t len = end != NULL ? (size_t)(end - rest.ptr) : rest.len;
        lt_text_printf(world->report, "    %.*s\n", (int)len, rest.ptr);
        len += end != NULL ? 1 : 0;
        rest = (lt_str){rest.ptr + len, rest.len - len};
    }
}

void lt_judge_error(lt_world *world, const lt_block *block, const lt_error *err)
{
    lt_judge_report(world, block, "it failed", world->message != NULL ? world->message : err->text);
}

/* ---- expected rows ---- */

static lt_status keep_edit(lt_world *world, const lt_block *block, lt_str *lines, uint32_t count,
                           bool sorted, lt_error *err)
{
    if (sorted) {
        lt_test_sort(lines, count);
    }
    lt_text text;
    lt_text_init(&text, world->mem);
    if (block->rows_from > 0 && world->file->text.ptr[block->rows_from - 1] != '\n') {
        lt_text_putc(&text, '\n');
    }
    lt_text_puts(&text, block->has_rows ? "" : "----\n");
    for (uint32_t i = 0; i < count; i++) {
        lt_text_append(&text, lines[i].ptr, lines[i].len);
        lt_text_putc(&text, '\n');
    }
    lt_test_edit edit = {block->rows_from, block->rows_to,
                         lt_arena_str(world->arena, lt_text_str(&text))};
    bool kept =
        !text.failed && edit.text.ptr != NULL && lt_array_push(&world->edits, world->mem, edit);
    lt_text_deinit(&text);
    return kept ? LT_OK : lt_error_nomem(err, "the new rows");
}

/* cmp says how; block's rows are wanted. */
static lt_status judge(lt_world *world, const lt_block *block, lt_test_compare cmp, lt_str *lines,
                       uint32_t count, lt_error *err)
{
    cmp.want = block->rows;
    cmp.want_count = block->row_count;
    cmp.got = lines;
    cmp.got_count = count;
    cmp.sorted = cmp.sorted || block->sorted;
    lt_text diff;
    lt_text_init(&diff, world->mem);
    bool same = false;
    lt_status st = lt_test_diff(world->mem, &cmp, &diff, &same, err);
    if (st == LT_OK && !same && world->update) {
        st = keep_edit(world, block, lines, count, block->sorted, err);
    } else if (st == LT_OK && !same) {
        report_place(world, block);
        lt_text_printf(world->report, ": %u rows expected, %u came (- expected, + came)\n",
                       block->row_count, count);
        lt_text_append(world->report, diff.ptr, diff.len);
    }
    lt_text_deinit(&diff);
    return st;
}

lt_status lt_judge_lines(lt_world *world, const lt_block *block, lt_str *lines, uint32_t count,
                         bool columns, lt_error *err)
{
    return judge(world, block, (lt_test_compare){.columns = columns}, lines, count, err);
}

/* Rows as lines; their kind stands in front when the block asks for it, and when one is no plain
 * insertion. */
static lt_status judge_rows(lt_world *world, const lt_block *block, lt_test_compare cmp,
                            const lt_test_row *rows, size_t count, lt_error *err)
{
    static const char *const kinds[] = {[LEAT_INSERT] = "+I",
                                        [LEAT_UPDATE_BEFORE] = "-U",
                                        [LEAT_UPDATE_AFTER] = "+U",
                                        [LEAT_DELETE] = "-D"};
    lt_str *lines = LT_NEW_ARRAY(world->arena, lt_str, count + 1);
    bool shown = block->changelog;
    if (lines == NULL) {
        return lt_error_nomem(err, "rows");
    }
    for (size_t i = 0; i < count; i++) {
        shown = shown || rows[i].kind != LEAT_INSERT;
    }
    for (size_t i = 0; i < count; i++) {
        lines[i] = rows[i].text;
        if (shown) {
            lines[i].ptr = lt_arena_printf(world->arena, "%s  " LT_STR_FMT, kinds[rows[i].kind],
                                           LT_STR_ARG(rows[i].text));
            lines[i].len += 4;
        }
        if (lines[i].ptr == NULL) {
            return lt_error_nomem(err, "rows");
        }
    }
    cmp.columns = true;
    return judge(world, block, cmp, lines, (uint32_t)count, err);
}

/* ---- what is promised ---- */

typedef enum {
    JUDGE_ALL,   /* row by row */
    JUDGE_KEYS,  /* row by row within each key */
    JUDGE_FINAL, /* what is left in the end */
    JUDGE_NONE
} judgement;

static judgement judgement_of(const lt_test_channel *channel)
{
    const char *promise = channel->promise != NULL ? channel->promise : "exact";
    if (!channel->loose) {
        return JUDGE_ALL;
    }
    if (strcmp(promise, "exact") == 0) {
        return JUDGE_KEYS;
    }
    if (strcmp(promise, "order-dependent") == 0) {
        return JUDGE_NONE;
    }
    return strcmp(promise, "final") != 0 && channel->any_late ? JUDGE_NONE : JUDGE_FINAL;
}

static lt_status copy_rows(lt_world *world, const lt_test_rows *from, lt_test_rows *to,
                           lt_error *err)
{
    for (size_t i = 0; i < from->count; i++) {
        if (!lt_array_push(to, world->mem, from->items[i])) {
            return lt_error_nomem(err, "rows");
        }
    }
    return LT_OK;
}

/* Rows folded, as lines. */
static lt_status final_lines(lt_world *world, const lt_test_rows *rows, lt_str **lines,
                             uint32_t *count, lt_error *err)
{
    lt_test_rows copy = {NULL, 0, 0};
    lt_status st = copy_rows(world, rows, &copy, err);
    if (st == LT_OK) {
        lt_test_fold(&copy);
        *count = (uint32_t)copy.count;
        *lines = LT_NEW_ARRAY(world->arena, lt_str, copy.count + 1);
        st = *lines != NULL ? LT_OK : lt_error_nomem(err, "rows");
    }
    for (size_t i = 0; i < copy.count && st == LT_OK; i++) {
        bool negative = copy.items[i].kind != LEAT_INSERT; /* a retraction of nothing */
        (*lines)[i] = lt_str_of(lt_arena_printf(
            world->arena, "%s" LT_STR_FMT, negative ? "-  " : "", LT_STR_ARG(copy.items[i].text)));
    }
    lt_array_deinit(&copy, world->mem);
    return st;
}

/* What all expectations so far leave against what all rows so far leave. */
static lt_status judge_final(lt_world *world, const lt_block *block, lt_test_channel *channel,
                             lt_error *err)
{
    lt_block folded = *block;
    lt_str *got = NULL;
    uint32_t count = 0;
    for (uint32_t i = 0; i < block->row_count; i++) {
        lt_test_row row;
        LT_TRY(lt_test_parse_row(world->arena, block->rows[i], &row, err));
        if (!lt_array_push(&channel->wanted, world->mem, row)) {
            return lt_error_nomem(err, "rows");
        }
    }
    LT_TRY(final_lines(world, &channel->wanted, &folded.rows, &folded.row_count, err));
    LT_TRY(final_lines(world, &channel->rows, &got, &count, err));
    return judge(world, &folded, (lt_test_compare){.columns = true, .sorted = true}, got, count,
                 err);
}

static lt_status judge_new(lt_world *world, const lt_block *block, lt_test_channel *channel,
                           lt_error *err)
{
    size_t from = LT_MIN(channel->seen, channel->rows.count);
    judgement how = judgement_of(channel);
    channel->seen = channel->rows.count;
    if (how == JUDGE_NONE) {
        world->unordered++;
        return LT_OK;
    }
    if (how == JUDGE_FINAL) {
        return judge_final(world, block, channel, err);
    }
    lt_test_compare cmp = {.by_key = how == JUDGE_KEYS, .key_columns = channel->key_columns};
    return judge_rows(world, block, cmp, channel->rows.items + from, channel->rows.count - from,
                      err);
}

lt_status lt_judge_channel(lt_world *world, const lt_block *block, lt_test_channel *channel,
                           lt_error *err)
{
    if (channel->error != NULL) {
        lt_judge_report(world, block, "the query failed", channel->error);
        return LT_OK;
    }
    if (!channel->final) {
        return judge_new(world, block, channel, err);
    }
    if (judgement_of(channel) == JUDGE_NONE) {
        world->unordered++;
        return LT_OK;
    }
    lt_test_rows copy = {NULL, 0, 0};
    lt_status st = copy_rows(world, &channel->rows, &copy, err);
    if (st == LT_OK) {
        lt_test_fold(&copy);
        lt_test_compare cmp = {.sorted = channel->loose};
        st = judge_rows(world, block, cmp, copy.items, copy.count, err);
    }
    lt_array_deinit(&copy, world->mem);
    return st;
}

/* ---- messages ---- */

static lt_str without_blank_end(lt_str line)
{
    while (line.len > 0 && line.ptr[line.len - 1] == ' ') {
        line.len--;
    }
    return line;
}

/* The whole message, line by line; empty lines do not count. */
lt_status lt_judge_message(lt_world *world, const lt_block *block, const char *message,
                           lt_error *err)
{
    lt_test_lines lines = {NULL, 0, 0};
    lt_str rest = lt_str_of(message);
    bool kept = true;
    if (world->setting->reparse) {
        return LT_OK; /* its caret stands in other text */
    }
    while (rest.len > 0 && kept) {
        const char *end = memchr(rest.ptr, '\n', rest.len);
        size_t len = end != NULL ? (size_t)(end - rest.ptr) : rest.len;
        lt_str line = without_blank_end((lt_str){rest.ptr, len});
        kept = line.len == 0 || lt_array_push(&lines, world->mem, line);
        len += end != NULL ? 1 : 0;
        rest = (lt_str){rest.ptr + len, rest.len - len};
    }
    lt_status st =
        kept ? lt_judge_lines(world, block, lines.items, (uint32_t)lines.count, false, err)
             : lt_error_nomem(err, "a message");
    lt_array_deinit(&lines, world->mem);
    return st;
}

void lt_judge_message_part(lt_world *world, const lt_block *block, const char *message)
{
    const char *part = lt_arena_strndup(
        world->arena, block->rest.ptr != NULL ? block->rest.ptr : "", block->rest.len);
    if (part != NULL && strstr(message, part) == NULL) {
        lt_judge_report(world, block, "the message does not say so:", message);
    }
}

/* ---- files ---- */

typedef struct {
    lt_world *world;
    const char *path;
    lt_test_lines paths; /* of the files in it and below */
    lt_error *err;
} listing;

static lt_status list_entry(void *arg, const lt_dirent *entry)
{
    listing *self = arg;
    lt_env *env = self->world->cli->env;
    if (entry->name[0] == '.' || entry->name[0] == '_') {
        return LT_OK; /* not published */
    }
    char *path = lt_arena_printf(self->world->arena, "%s/%s", self->path, entry->name);
    if (path == NULL) {
        return lt_error_nomem(self->err, "a path");
    }
    if (entry->kind == LT_FILE_DIR) {
        const char *outer = self->path;
        self->path = path;
        lt_status st = env->list(env, path, list_entry, self, self->err);
        self->path = outer;
        return st;
    }
    return lt_array_push(&self->paths, self->world->mem, lt_str_of(path))
               ? LT_OK
               : lt_error_nomem(self->err, "a path");
}

static lt_status read_lines(lt_world *world, const char *path, lt_test_lines *lines, lt_error *err)
{
    lt_text text;
    lt_text_init(&text, world->mem);
    lt_status st = lt_env_read_file(world->cli->env, path, FILE_BYTES_MAX, &text, err);
    lt_str rest = lt_arena_str(world->arena, lt_text_str(&text));
    lt_text_deinit(&text);
    LT_TRY(st);
    while (rest.len > 0) {
        const char *end = memchr(rest.ptr, '\n', rest.len);
        size_t len = end != NULL ? (size_t)(end - rest.ptr) : rest.len;
        if (!lt_array_push(lines, world->mem, ((lt_str){rest.ptr, len}))) {
            return lt_error_nomem(err, "a file");
        }
        len += end != NULL ? 1 : 0;
        rest = (lt_str){rest.ptr + len, rest.len - len};
    }
    return LT_OK;
}

lt_status lt_judge_file(lt_world *world, const lt_block *block, const char *path, lt_error *err)
{
    lt_env *env = world->cli->env;
    lt_stat info;
    listing list = {.world = world, .path = path, .err = err};
    lt_test_lines lines = {NULL, 0, 0};
    lt_status st = env->stat(env, path, &info, err);
    if (st == LT_OK && info.kind == LT_FILE_DIR) {
        st = env->list(env, path, list_entry, &list, err);
    } else if (st == LT_OK && !lt_array_push(&list.paths, world->mem, lt_str_of(path))) {
        st = lt_error_nomem(err, "a path");
    }
    lt_test_sort(list.paths.items, (uint32_t)list.paths.count);
    for (size_t i = 0; i < list.paths.count && st == LT_OK; i++) {
        st = read_lines(world, list.paths.items[i].ptr, &lines, err);
    }
    if (st == LT_OK) {
        lt_test_compare cmp = {.sorted = world->loose_files};
        st = judge(world, block, cmp, lines.items, (uint32_t)lines.count, err);
    }
    lt_array_deinit(&list.paths, world->mem);
    lt_array_deinit(&lines, world->mem);
    return st;
}
